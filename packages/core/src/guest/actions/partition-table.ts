import type { BlockDevice } from '../../contracts/index.js';
import { FsError, UsageError } from '../../errors/index.js';
import {
  editPartitionTable,
  initPartitionTable,
  type PartitionTableEditor,
  partitionTableType,
  partitionWholeDisk,
  requireGpt,
} from '../../partition/index.js';
import { arg, Device, defineAction, Int, Int64, PlainString } from '../action.js';
import { changeDevice, changeTable } from '../device-changes.js';
import { partitionsOf, parttypeOf, tableOf } from '../partition-facts.js';
import type { Session } from '../session.js';

const device = arg('device', Device);
const partition = arg('partition', Device);
const partnum = arg('partnum', Int);
const parttype = arg('parttype', PlainString);

/** Logical partitions are numbered from here on. */
const FIRST_LOGICAL = 5;

/** parted's words for kinds of partitions, by their first letters too. */
const KINDS = {
  p: 'primary',
  primary: 'primary',
  e: 'extended',
  extended: 'extended',
  l: 'logical',
  logical: 'logical',
} as const;

interface NewPartition {
  readonly prlogex: string;
  readonly start: number;
  readonly end: number;
}

function kindOf(prlogex: string): 'primary' | 'extended' | 'logical' {
  if (Object.hasOwn(KINDS, prlogex)) return KINDS[prlogex as keyof typeof KINDS];
  throw new UsageError(`unknown partition type: ${prlogex}: it is "primary", "logical" or "extended"`, {
    argument: 'prlogex',
  });
}

function add(table: PartitionTableEditor, { prlogex, start, end }: NewPartition): void {
  const kind = kindOf(prlogex);
  // A GPT has no such kinds: parted takes the word for the name.
  table.add(table.type === 'gpt' ? { start, end, name: kind } : { start, end, kind });
}

/** @throws FsError EINVAL when the disk has no table */
async function edit(
  disk: BlockDevice,
  name: string,
  action: string,
  change: (table: PartitionTableEditor) => void,
): Promise<void> {
  await tableOf(disk, name, action);
  await editPartitionTable(disk, change);
}

async function remove(g: Session, name: string, number: number): Promise<void> {
  const table = await tableOf(g.device(name).device, name, 'part_del');
  const isExtended = table.partitions.find((p) => p.number === number)?.kind === 'extended';
  const isLogical = table.type === 'msdos' && number >= FIRST_LOGICAL;
  // Logical partitions behind one that goes away move up; with the extended one they all go.
  const moves = (n: number): boolean =>
    n === number || (isExtended && n >= FIRST_LOGICAL) || (isLogical && n >= number);
  await changeTable(g, name, 'part_del', moves, (disk) => edit(disk, name, 'part_del', (t) => t.delete(number)));
}

/** Functions that make and change partition tables, and list what is in them. */
export const partitionTableActions = [
  defineAction({
    name: 'part_init',
    theme: 'partition',
    args: [device, parttype],
    returns: 'void',
    doc: 'Write an empty partition table: `gpt` (or `efi`), `mbr` (or `msdos`). What was there is no longer found.',
    run: async (g, name, type) => {
      partitionTableType(type);
      await changeDevice(g, name, 'part_init', (disk) => initPartitionTable(disk, type));
    },
  }),
  defineAction({
    name: 'part_disk',
    theme: 'partition',
    args: [device, parttype],
    returns: 'void',
    doc: 'Write a partition table with one partition over the whole disk: `gpt` (or `efi`), `mbr` (or `msdos`).',
    run: async (g, name, type) => {
      partitionTableType(type);
      await changeDevice(g, name, 'part_disk', (disk) => partitionWholeDisk(disk, type));
    },
  }),
  defineAction({
    name: 'part_add',
    theme: 'partition',
    args: [device, arg('prlogex', PlainString), arg('startsect', Int64), arg('endsect', Int64)],
    returns: 'void',
    doc: 'Add a partition: `primary`, `logical` or `extended` (or `p`, `l`, `e`), from sector `startsect` to sector `endsect`, which is part of it. A negative end counts back from the end of the disk: -1 is the last sector.',
    run: async (g, name, prlogex, start, end) => {
      if (start < 0) throw new UsageError('startsect cannot be negative', { argument: 'startsect' });
      kindOf(prlogex);
      const change = (table: PartitionTableEditor): void => add(table, { prlogex, start, end });
      await changeTable(
        g,
        name,
        'part_add',
        () => false,
        (disk) => edit(disk, name, 'part_add', change),
      );
    },
  }),
  defineAction({
    name: 'part_del',
    theme: 'partition',
    args: [device, partnum],
    returns: 'void',
    doc: 'Delete a partition. An extended one takes its logical partitions along.',
    run: remove,
  }),
  defineAction({
    name: 'part_resize',
    theme: 'partition',
    args: [device, partnum, arg('endsect', Int64)],
    returns: 'void',
    doc: 'Move the end of a partition to sector `endsect`, which is part of it. The file system in it stays as it is.',
    run: async (g, name, number, end) => {
      const isMoved = (n: number): boolean => n === number;
      await changeTable(g, name, 'part_resize', isMoved, (disk) =>
        edit(disk, name, 'part_resize', (table) => table.resize(number, end)),
      );
    },
  }),
  defineAction({
    name: 'part_expand_gpt',
    theme: 'partition',
    group: 'gdisk',
    args: [device],
    returns: 'void',
    doc: 'Move the second copy of a GPT to the end of the disk, so that space behind it can be used.',
    run: async (g, name) => {
      await changeTable(
        g,
        name,
        'part_expand_gpt',
        () => false,
        (disk) => edit(disk, name, 'part_expand_gpt', (table) => requireGpt(table).expand()),
      );
    },
  }),
  defineAction({
    name: 'part_list',
    theme: 'partition',
    args: [device],
    returns: { structList: 'partition' },
    doc: 'The partitions of a disk in the order in which they lie on it. Places and sizes are bytes; `part_end` is the last byte. A file system that fills a disk is listed as one partition.',
    run: async (g, name) => {
      const partitions = await partitionsOf(g.device(name).device, name, 'part_list');
      return [...partitions]
        .sort((a, b) => a.start - b.start || a.number - b.number)
        .map(({ number, start, size }) => ({
          part_num: number,
          part_start: start,
          part_end: start + size - 1,
          part_size: size,
        }));
    },
  }),
  defineAction({
    name: 'part_get_parttype',
    theme: 'partition',
    args: [device],
    returns: 'RString',
    doc: 'The type of the partition table: `msdos`, `gpt` … Fails when there is none.',
    run: (g, name) => parttypeOf(g, name),
  }),
  defineAction({
    name: 'part_to_dev',
    theme: 'partition',
    args: [partition],
    returns: 'RString',
    doc: 'The disk of a partition: `/dev/sdb` for `/dev/sdb1`.',
    run: (g, name) => requirePartition(g, name, 'part_to_dev').disk,
  }),
  defineAction({
    name: 'part_to_partnum',
    theme: 'partition',
    args: [partition],
    returns: 'RInt',
    doc: 'The number of a partition: 1 for `/dev/sdb1`.',
    run: (g, name) => requirePartition(g, name, 'part_to_partnum').number,
  }),
  defineAction({
    name: 'list_partitions',
    theme: 'partition',
    args: [],
    returns: 'RStringList',
    doc: 'All partitions of all disks.',
    run: (g) => g.storage.devices.filter((d) => d.kind === 'partition').map((d) => d.name),
  }),
  defineAction({
    name: 'blockdev_rereadpt',
    theme: 'partition',
    args: [device],
    returns: 'void',
    doc: 'Look again at the partition table of a device, and at what lies in its partitions.',
    run: async (g, name) => {
      await changeTable(
        g,
        name,
        'blockdev_rereadpt',
        () => true,
        async () => undefined,
      );
    },
  }),
] as const;

function requirePartition(g: Session, name: string, action: string): { disk: string; number: number } {
  const { partition: entry, parents } = g.device(name, action);
  if (entry !== undefined && parents[0] !== undefined) return { disk: parents[0], number: entry.number };
  throw new FsError('EINVAL', { operation: action, path: name, reason: 'device name is not a partition' });
}
