import { viewOf } from '../binary/index.js';
import { SUN_LABEL_SIZE, SUN_MAGIC, SUN_SLICES, SUN_VTOC_SANE, SunDisklabel } from './layout-sun.js';
import { hex } from './mbr.js';
import type { TableSource } from './table-source.js';
import type { Partition } from './types.js';

/** Whether all 16-bit words of the label XOR to zero. */
function checksumHolds(data: Uint8Array): boolean {
  const view = viewOf(data);
  let sum = 0;
  for (let i = 0; i < SUN_LABEL_SIZE; i += 2) sum ^= view.getUint16(i);
  return sum === 0;
}

/** Slices of a Sun label; undefined when there is none. A label with a wrong checksum is none, as for Linux. */
export async function readSunLabel(source: TableSource): Promise<Partition[] | undefined> {
  const data = await source.readAt(0, SUN_LABEL_SIZE);
  if (data === undefined) return undefined;
  const label = SunDisklabel.decode(data);
  if (label.magic !== SUN_MAGIC || !checksumHolds(data)) return undefined;
  const hasVtoc = label.vtocSanity === SUN_VTOC_SANE && label.vtocVersion === 1 && label.slices <= SUN_SLICES;
  const cylinder = label.tracksPerCylinder * label.sectorsPerTrack;
  const count = hasVtoc ? label.slices : SUN_SLICES;
  return label.map.slice(0, count).flatMap((slice, i): Partition[] => {
    if (slice.sectors === 0) return [];
    const start = slice.startCylinder * cylinder * SUN_LABEL_SIZE;
    const type = hasVtoc ? hex(label.tags[i]!.id, 2) : '00';
    const size = slice.sectors * SUN_LABEL_SIZE;
    return [{ number: i + 1, kind: 'primary', start, size, type, bootable: false }];
  });
}
