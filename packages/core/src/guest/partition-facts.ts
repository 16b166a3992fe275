import type { BlockDevice } from '../contracts/index.js';
import { FsError, UsageError } from '../errors/index.js';
import { guidOfMbrType, type Partition, type PartitionTable, readPartitionTable } from '../partition/index.js';
import { probeSignature } from '../storage/index.js';
import type { Session } from './session.js';

/** Where a partition lies, bytes. */
export type Span = Pick<Partition, 'number' | 'start' | 'size'>;

/** The table of a disk. @throws FsError EINVAL when it has none */
export async function tableOf(disk: BlockDevice, name: string, action: string): Promise<PartitionTable> {
  const table = await readPartitionTable(disk);
  if (table !== undefined) return table;
  throw new FsError('EINVAL', { operation: action, path: name, reason: 'unrecognised disk label' });
}

/** A partition of a disk by its number. @throws UsageError when there is none */
export async function partitionOf(
  g: Session,
  name: string,
  number: number,
  action: string,
): Promise<{ readonly table: PartitionTable; readonly partition: Partition }> {
  const table = await tableOf(g.device(name, action).device, name, action);
  const partition = table.partitions.find((p) => p.number === number && p.kind !== 'nested');
  if (partition === undefined) throw new UsageError(`partition ${number} not found`, { argument: 'partnum' });
  return { table, partition };
}

/** The same in a table of one type. @throws UsageError when the table is of another */
export async function partitionIn(
  g: Session,
  type: 'gpt' | 'msdos',
  name: string,
  number: number,
  action: string,
): Promise<Partition> {
  const { table, partition } = await partitionOf(g, name, number, action);
  if (table.type === type) return partition;
  throw new UsageError(`the partition table is ${table.type}, not ${type}`);
}

/** What parted calls the type of a table. @throws FsError EINVAL when there is none */
export async function parttypeOf(g: Session, name: string): Promise<string> {
  const { device } = g.device(name);
  if ((await readPartitionTable(device)) === undefined && (await probeSignature(device)) !== undefined) {
    throw new FsError('EINVAL', {
      operation: 'part_get_parttype',
      path: name,
      reason: 'not a partitioned device: a file system fills it',
    });
  }
  return (await tableOf(device, name, 'part_get_parttype')).type;
}

/** The partitions of a disk; parted takes a file system that fills it for one. */
export async function partitionsOf(disk: BlockDevice, name: string, action: string): Promise<readonly Span[]> {
  const table = await readPartitionTable(disk);
  if (table === undefined && (await probeSignature(disk)) !== undefined) {
    return [{ number: 1, start: 0, size: disk.size }];
  }
  return (await tableOf(disk, name, action)).partitions.filter((p) => p.kind !== 'nested');
}

/** The GPT type GUID of a partition; for one of an MBR the GUID that stands for its type. Lower case. */
export function gptTypeOf(table: PartitionTable, partition: Partition): string {
  if (table.type === 'gpt') return partition.type;
  if (table.type === 'msdos') return guidOfMbrType(Number.parseInt(partition.type, 16));
  throw new UsageError(`partitions of a ${table.type} table have no type GUID`);
}
