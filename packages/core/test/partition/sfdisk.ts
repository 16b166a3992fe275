import { expect } from 'vitest';
import { type PartitionTable, readPartitionTable } from '../../src/partition/index.js';
import { type DiskFile, run } from './disk-file.js';

/** A partition as `sfdisk -J` prints it. */
export interface SfdiskPartition {
  readonly node: string;
  readonly start: number;
  readonly size: number;
  readonly type: string;
  readonly uuid?: string;
  readonly name?: string;
  readonly bootable?: boolean;
}

interface SfdiskTable {
  readonly label: string;
  readonly id: string;
  readonly partitions?: readonly SfdiskPartition[];
}

/** What `sfdisk -J` says of the table. */
export function sfdisk(disk: DiskFile): SfdiskTable {
  return (JSON.parse(run('sfdisk', ['-J', disk.path])) as { partitiontable: SfdiskTable }).partitiontable;
}

/** Compare our reading with sfdisk's, number by number. */
export async function expectAsSfdisk(disk: DiskFile): Promise<PartitionTable> {
  const oracle = sfdisk(disk);
  const table = await readPartitionTable(disk);
  expect(table).toBeDefined();
  expect(table!.type).toBe(oracle.label === 'dos' ? 'msdos' : oracle.label);
  expect(table!.id ?? '00000000').toBe(oracle.id.toLowerCase().replace(/^0x/, ''));
  const ours = table!.partitions.map((p) => ({
    number: p.number,
    start: p.start / disk.sectorSize,
    size: p.size / disk.sectorSize,
    type: p.type.replace(/^0(.)$/, '$1'),
    active: table!.type === 'msdos' && p.bootable,
    ...(table!.type === 'gpt' ? { uuid: p.uuid, name: p.name } : {}),
  }));
  const theirs = (oracle.partitions ?? []).map((p) => ({
    number: Number(/(\d+)$/.exec(p.node)![1]),
    start: p.start,
    size: p.size,
    type: p.type.toLowerCase(),
    active: p.bootable ?? false,
    ...(oracle.label === 'gpt' ? { uuid: p.uuid?.toLowerCase(), name: p.name ?? '' } : {}),
  }));
  expect(ours).toEqual(theirs);
  return table!;
}
