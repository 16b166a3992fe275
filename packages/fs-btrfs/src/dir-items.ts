import { crc32cRaw, encodeFileName, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { DirItem } from './layout.js';

/** One entry of a directory item, or an extended attribute, which has the same form. */
export interface DirRecord {
  /** What it names: key of an inode item, or of the root item of a subvolume. */
  readonly location: { readonly objectid: number; readonly type: number };
  readonly type: number;
  readonly name: Uint8Array;
  /** Value of an attribute. */
  readonly value: Uint8Array;
}

/** All records of an item: names with one hash share it. @throws CorruptImageError */
export function* dirRecords(data: Uint8Array): Generator<DirRecord> {
  const view = viewOf(data);
  for (let at = 0; at < data.length; ) {
    if (at + DirItem.size > data.length) throw short(data.length);
    const { dataLength, nameLength, type } = DirItem.decode(data, at);
    const name = at + DirItem.size;
    const end = name + nameLength + dataLength;
    if (end > data.length) throw short(data.length);
    const objectid = view.getUint32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
    yield {
      location: { objectid, type: view.getUint8(at + 8) },
      type,
      name: data.subarray(name, name + nameLength),
      value: data.subarray(name + nameLength, end),
    };
    at = end;
  }
}

function short(length: number): CorruptImageError {
  return new CorruptImageError({
    structure: 'btrfs_dir_item',
    field: 'length',
    found: length,
    expected: 'room for its names',
  });
}

/** Hash of a name, the offset of its key ("DIR_ITEM": crc32c with the seed -2, not inverted). */
export function nameHash(name: Uint8Array): number {
  const SEED = 0xfffffffe;
  return crc32cRaw(SEED, name);
}

/** Bytes of a name as it is on disk. */
export const nameBytes = (name: string): Uint8Array => encodeFileName(name);
