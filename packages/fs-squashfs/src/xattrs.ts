import { decodeUtf8, toSafeInteger, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { positionOf } from './directory.js';
import { NO_TABLE, XATTR_OUT_OF_LINE, XATTR_PREFIXES, XattrEntry, XattrTable } from './layout.js';
import type { Position, Volume } from './volume.js';

/** Attributes an inode may have, and bytes of one value: Linux' own limit of a value, and far more than Linux lists. */
const MAX_COUNT = 65_536;
const MAX_VALUE = 65_536;

/** One attribute, and where its value is. */
interface Attribute {
  readonly name: string;
  readonly value: Position;
  readonly isElsewhere: boolean;
}

/** Extended attributes of the inode whose index is `index` (format, section 3.6). Unknown namespaces are left out. */
async function* attributes(volume: Volume, index: number): AsyncGenerator<Attribute> {
  const { xattrTable } = volume.superblock;
  if (xattrTable === NO_TABLE) return;
  const head = XattrTable.decode(await volume.stored(toSafeInteger(xattrTable, 'xattrTable'), XattrTable.size));
  if (index >= head.count) {
    throw new CorruptImageError({
      structure: XattrTable.name,
      field: 'count',
      found: head.count,
      expected: `above ${index}`,
    });
  }
  const entry = XattrEntry.decode(
    await volume.tableEntry(xattrTable + BigInt(XattrTable.size), index, XattrEntry.size),
  );
  if (entry.count > MAX_COUNT) {
    throw new CorruptImageError({
      structure: XattrEntry.name,
      field: 'count',
      found: entry.count,
      expected: `at most ${MAX_COUNT}`,
    });
  }
  let at = positionOf(entry.reference, head.start);
  for (let i = 0; i < entry.count; i++) {
    const key = await volume.metadata(at, 4);
    const view = viewOf(key.data);
    const type = view.getUint16(0, true);
    const name = await volume.metadata(key.next, view.getUint16(2, true));
    const prefix = XATTR_PREFIXES[type & 0xff];
    if (prefix !== undefined) {
      yield { name: prefix + decodeUtf8(name.data), value: name.next, isElsewhere: (type & XATTR_OUT_OF_LINE) !== 0 };
    }
    at = await after(volume, name.next);
  }
}

/** Past a value: its size and its bytes. */
async function after(volume: Volume, at: Position): Promise<Position> {
  const size = await volume.metadata(at, 4);
  return (await volume.metadata(size.next, valueSize(size.data, at))).next;
}

function valueSize(data: Uint8Array, at: Position): number {
  const size = viewOf(data).getUint32(0, true);
  if (size <= MAX_VALUE) return size;
  const found = { field: 'size', found: size, expected: `at most ${MAX_VALUE}` };
  throw new CorruptImageError({ structure: 'squashfs xattr value', offset: at.block, ...found });
}

/** Names of all attributes. */
export async function listAttributes(volume: Volume, index: number): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of attributes(volume, index)) names.push(name);
  return names;
}

/** Value of one attribute; undefined when there is none of that name. */
export async function attributeValue(volume: Volume, index: number, wanted: string): Promise<Uint8Array | undefined> {
  for await (const { name, value, isElsewhere } of attributes(volume, index)) {
    if (name !== wanted) continue;
    const size = await volume.metadata(value, 4);
    if (!isElsewhere) return (await volume.metadata(size.next, valueSize(size.data, value))).data.slice();
    const head = XattrTable.decode(
      await volume.stored(toSafeInteger(volume.superblock.xattrTable, 'xattrTable'), XattrTable.size),
    );
    const reference = viewOf((await volume.metadata(size.next, 8)).data).getBigUint64(0, true);
    const there = positionOf(reference, head.start);
    const length = await volume.metadata(there, 4);
    return (await volume.metadata(length.next, valueSize(length.data, there))).data.slice();
  }
  return undefined;
}
