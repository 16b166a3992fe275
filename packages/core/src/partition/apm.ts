import { APM_DRIVER_SIGNATURE, APM_ENTRY_SIGNATURE, ApmDriverDescriptor, ApmPartitionEntry } from './layout-apm.js';
import type { TableSource } from './table-source.js';
import type { Partition } from './types.js';

/** An Apple partition map and the block size it counts in. */
export interface ApmContents {
  readonly sectorSize: number;
  readonly partitions: Partition[];
}

/** The Apple partition map; undefined when there is none. Free space is listed as Linux does, by its slot in the map. */
export async function readApm(source: TableSource): Promise<ApmContents | undefined> {
  const head = await source.readAt(0, 512);
  if (head === undefined) return undefined;
  const driver = ApmDriverDescriptor.decode(head);
  if (driver.sbSig !== APM_DRIVER_SIGNATURE) return undefined;
  const sectorSize = driver.sbBlkSize;
  if (sectorSize < 512 || sectorSize > 4096 || sectorSize % 512 !== 0) return undefined;
  const first = await source.readAt(sectorSize, ApmPartitionEntry.size);
  if (first === undefined) return undefined;
  const map = ApmPartitionEntry.decode(first, 0, sectorSize);
  if (map.pmSig !== APM_ENTRY_SIGNATURE) return undefined;
  const partitions: Partition[] = [];
  if (map.pmMapBlkCnt > source.maxPartitions)
    source.defect(`the Apple partition map claims ${map.pmMapBlkCnt} entries`);
  const count = Math.min(map.pmMapBlkCnt, source.maxPartitions);
  for (let i = 1; i <= count; i++) {
    const at = i * sectorSize;
    const data = await source.readAt(at, ApmPartitionEntry.size);
    const entry = data === undefined ? undefined : ApmPartitionEntry.decode(data, 0, at);
    if (entry?.pmSig !== APM_ENTRY_SIGNATURE) {
      source.defect(`the Apple partition map ends at entry ${i} of ${map.pmMapBlkCnt}`);
      break;
    }
    partitions.push({
      number: i,
      kind: 'primary',
      start: entry.pmPyPartStart * sectorSize,
      size: entry.pmPartBlkCnt * sectorSize,
      type: entry.pmParType,
      name: entry.pmPartName,
      bootable: false,
    });
  }
  return { sectorSize, partitions };
}
