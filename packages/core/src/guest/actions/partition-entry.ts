import { UsageError } from '../../errors/index.js';
import {
  editPartitionTable,
  type GptEditor,
  type PartitionTableEditor,
  requireGpt,
  requireMbr,
} from '../../partition/index.js';
import { type ArgKind, arg, Bool, Device, defineAction, GUID, Int, Int64, PlainString } from '../action.js';
import { changeTable } from '../device-changes.js';
import { gptTypeOf, partitionIn, partitionOf, tableOf } from '../partition-facts.js';
import type { Session } from '../session.js';

const device = arg('device', Device);
const partnum = arg('partnum', Int);
const guid = arg('guid', GUID);

/** Change a table in a way that leaves every partition where it is. */
async function edit(
  g: Session,
  name: string,
  action: string,
  change: (table: PartitionTableEditor) => void,
): Promise<void> {
  await changeTable(
    g,
    name,
    action,
    () => false,
    async (disk) => {
      await tableOf(disk, name, action);
      await editPartitionTable(disk, change);
    },
  );
}

const editGpt = (g: Session, name: string, action: string, change: (table: GptEditor) => void): Promise<void> =>
  edit(g, name, action, (table) => change(requireGpt(table)));

/** A GUID with dashes and without braces, as the table wants it. */
function plainGuid(text: string): string {
  const digits = text.replaceAll(/[{}-]/g, '');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** 64 bits: a number, or a bigint where a number is not exact. */
const AttributeBits: ArgKind<number | bigint> = {
  name: 'Int64',
  list: false,
  accepts: (value): value is number | bigint =>
    typeof value === 'bigint' ? value >= -(2n ** 63n) && value < 2n ** 64n : Int64.accepts(value),
  expects: 'must be a whole number of 64 bits',
  schema: (zod) =>
    zod.union([
      Int64.schema(zod),
      zod
        .bigint()
        .min(-(2n ** 63n))
        .lt(2n ** 64n),
    ]),
};

/** @throws UsageError when the nearest number has other bits */
function exactNumber(bits: bigint): number {
  const value = Number(BigInt.asIntN(64, bits));
  if (BigInt.asUintN(64, BigInt(value)) === bits) return value;
  throw new UsageError(`the attributes 0x${bits.toString(16)} are not exactly a number`);
}

/** Functions that read and set what a table says of its partitions. */
export const partitionEntryActions = [
  defineAction({
    name: 'part_get_bootable',
    theme: 'partition',
    args: [device, partnum],
    returns: 'RBool',
    doc: 'Whether a partition is marked for booting: the active flag of an MBR, the type EFI System of a GPT.',
    run: async (g, name, number) => (await partitionOf(g, name, number, 'part_get_bootable')).partition.bootable,
  }),
  defineAction({
    name: 'part_set_bootable',
    theme: 'partition',
    args: [device, partnum, arg('bootable', Bool)],
    returns: 'void',
    doc: 'Mark a partition for booting, or take the mark away.',
    run: (g, name, number, on) => edit(g, name, 'part_set_bootable', (table) => table.setBootable(number, on)),
  }),
  defineAction({
    name: 'part_get_mbr_id',
    theme: 'partition',
    args: [device, partnum],
    returns: 'RInt',
    doc: 'The type byte of a partition of an MBR.',
    run: async (g, name, number) =>
      Number.parseInt((await partitionIn(g, 'msdos', name, number, 'part_get_mbr_id')).type, 16),
  }),
  defineAction({
    name: 'part_set_mbr_id',
    theme: 'partition',
    args: [device, partnum, arg('idbyte', Int)],
    returns: 'void',
    doc: 'Set the type byte of a partition of an MBR. Documents give it in hexadecimal: 0x83 is Linux.',
    run: (g, name, number, id) => edit(g, name, 'part_set_mbr_id', (table) => requireMbr(table).setMbrId(number, id)),
  }),
  defineAction({
    name: 'part_get_mbr_part_type',
    theme: 'partition',
    args: [device, partnum],
    returns: 'RString',
    doc: 'What kind of partition of an MBR it is: `primary`, `logical` or `extended`. All of a GPT are primary.',
    run: async (g, name, number) => {
      const { table, partition } = await partitionOf(g, name, number, 'part_get_mbr_part_type');
      if (table.type === 'msdos' || table.type === 'gpt') return partition.kind;
      throw new UsageError(`the partition table is ${table.type}, not msdos`);
    },
  }),
  defineAction({
    name: 'part_get_name',
    theme: 'partition',
    args: [device, partnum],
    returns: 'RString',
    doc: 'The name of a partition of a GPT.',
    run: async (g, name, number) => (await partitionIn(g, 'gpt', name, number, 'part_get_name')).name ?? '',
  }),
  defineAction({
    name: 'part_set_name',
    theme: 'partition',
    args: [device, partnum, arg('name', PlainString)],
    returns: 'void',
    doc: 'Name a partition of a GPT: at most 36 characters.',
    run: (g, name, number, value) => editGpt(g, name, 'part_set_name', (table) => table.setName(number, value)),
  }),
  defineAction({
    name: 'part_get_gpt_type',
    theme: 'partition',
    args: [device, partnum],
    returns: 'RString',
    doc: 'The type GUID of a partition; for one of an MBR the GUID that corresponds to its type byte.',
    run: async (g, name, number) => {
      const { table, partition } = await partitionOf(g, name, number, 'part_get_gpt_type');
      return gptTypeOf(table, partition).toUpperCase();
    },
  }),
  defineAction({
    name: 'part_set_gpt_type',
    theme: 'partition',
    args: [device, partnum, guid],
    returns: 'void',
    doc: 'Set the type GUID of a partition of a GPT.',
    run: (g, name, number, value) =>
      editGpt(g, name, 'part_set_gpt_type', (table) => table.setTypeGuid(number, plainGuid(value))),
  }),
  defineAction({
    name: 'part_get_gpt_guid',
    theme: 'partition',
    args: [device, partnum],
    returns: 'RString',
    doc: 'The GUID of a partition of a GPT.',
    run: async (g, name, number) =>
      ((await partitionIn(g, 'gpt', name, number, 'part_get_gpt_guid')).uuid ?? '').toUpperCase(),
  }),
  defineAction({
    name: 'part_set_gpt_guid',
    theme: 'partition',
    args: [device, partnum, guid],
    returns: 'void',
    doc: 'Set the GUID of a partition of a GPT.',
    run: (g, name, number, value) =>
      editGpt(g, name, 'part_set_gpt_guid', (table) => table.setGuid(number, plainGuid(value))),
  }),
  defineAction({
    name: 'part_get_gpt_attributes',
    theme: 'partition',
    args: [device, partnum],
    returns: 'RInt64',
    doc: 'The attribute bits of a partition of a GPT, as a signed number: bit 63 makes it negative. Fails when no number is exactly that.',
    run: async (g, name, number) =>
      exactNumber((await partitionIn(g, 'gpt', name, number, 'part_get_gpt_attributes')).attributes ?? 0n),
  }),
  defineAction({
    name: 'part_set_gpt_attributes',
    theme: 'partition',
    args: [device, partnum, arg('attributes', AttributeBits)],
    returns: 'void',
    doc: 'Set the attribute bits of a partition of a GPT. A bigint says bits above 2**53 exactly: `1n << 63n` is "no drive letter".',
    run: (g, name, number, bits) =>
      editGpt(g, name, 'part_set_gpt_attributes', (table) => table.setAttributes(number, BigInt(bits))),
  }),
  defineAction({
    name: 'part_get_disk_guid',
    theme: 'partition',
    args: [device],
    returns: 'RString',
    doc: 'The GUID of a disk that has a GPT.',
    run: async (g, name) => {
      const table = await tableOf(g.device(name).device, name, 'part_get_disk_guid');
      if (table.type !== 'gpt') throw new UsageError(`the partition table is ${table.type}, not gpt`);
      return (table.id ?? '').toUpperCase();
    },
  }),
  defineAction({
    name: 'part_set_disk_guid',
    theme: 'partition',
    args: [device, guid],
    returns: 'void',
    doc: 'Set the GUID of a disk that has a GPT.',
    run: (g, name, value) =>
      editGpt(g, name, 'part_set_disk_guid', (table) => {
        table.diskGuid = plainGuid(value);
      }),
  }),
  defineAction({
    name: 'part_set_disk_guid_random',
    theme: 'partition',
    args: [device],
    returns: 'void',
    doc: 'Give a disk that has a GPT a new GUID.',
    run: (g, name) =>
      editGpt(g, name, 'part_set_disk_guid_random', (table) => {
        table.diskGuid = globalThis.crypto.randomUUID();
      }),
  }),
] as const;
