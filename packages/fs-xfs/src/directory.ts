import { decodeFileName, viewOf } from '@vmcraft/core/binary';
import type { FileType } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import { type Extent, extentAt, readFork, verifyFork } from './extents.js';
import type { XfsNode } from './inode.js';
import {
  BlockTail,
  DIRECTORY_ALIGN,
  DIRECTORY_CHECKSUM,
  DIRECTORY_HEADER,
  DirectoryMagic,
  Fork,
  FREE_TAG,
  LEAF_OFFSET,
} from './layout.js';
import type { Volume } from './volume.js';

/** Chapter 18, table of `ftype` values. */
const LETTERS: readonly FileType[] = ['u', 'r', 'd', 'c', 'b', 'f', 's', 'l', 'u'];
/** A data entry less its name: inode number, length of the name, tag. */
const ENTRY_FIXED = 11;

/** A name in a directory. */
export interface Listed {
  readonly name: Uint8Array;
  readonly type: FileType;
  readonly ino: bigint;
}

/** Names of a directory without `.` and `..`, in the order in which they lie. @throws CorruptImageError */
export async function* readNames(
  volume: Volume,
  directory: XfsNode,
  extents: readonly Extent[],
): AsyncGenerator<Listed> {
  if (directory.data.format === Fork.local) {
    yield* shortForm(volume, directory.data.data.subarray(0, directory.size));
    return;
  }
  const step = volume.directoryBlockSize;
  for (let offset = 0; ; offset += step) {
    // Holes are where blocks were freed.
    const extent = extents[extentAt(extents, offset)];
    if (extent === undefined || extent.offset >= LEAF_OFFSET) return;
    if (extent.offset > offset) offset = extent.offset - (extent.offset % step);
    for (const listed of blockEntries(volume, await readDirectoryBlock(volume, directory, extents, offset))) {
      if (!isDots(listed.name)) yield listed;
    }
  }
}

/** Chapter 18.1: count, count of long inode numbers, parent, then the entries. */
function* shortForm(volume: Volume, data: Uint8Array): Generator<Listed> {
  if (data.length < 6) throw malformed('the short form is too short');
  const view = viewOf(data);
  const width = data[1]! > 0 ? 8 : 4;
  const count = data[1]! > 0 ? Math.max(data[0]!, data[1]!) : data[0]!;
  const type = volume.hasFileType ? 1 : 0;
  let at = 2 + width;
  for (let i = 0; i < count; i++) {
    const end = at + 3 + (data[at] ?? 0) + type + width;
    if (end > data.length) throw malformed('an entry of the short form ends outside');
    const nameEnd = end - type - width;
    const number = end - width;
    yield {
      name: data.subarray(at + 3, nameEnd),
      type: type === 0 ? 'u' : (LETTERS[data[nameEnd]!] ?? 'u'),
      ino: width === 8 ? view.getBigUint64(number) : BigInt(view.getUint32(number)),
    };
    at = end;
  }
}

/** A data block of the directory, its magic and checksum verified. */
async function readDirectoryBlock(
  volume: Volume,
  directory: XfsNode,
  extents: readonly Extent[],
  offset: number,
): Promise<Uint8Array> {
  const data = await readFork(volume, extents, offset, volume.directoryBlockSize);
  const magic = viewOf(data).getUint32(0);
  const wanted: readonly number[] = volume.isChecked
    ? [DirectoryMagic.blockChecked, DirectoryMagic.dataChecked]
    : [DirectoryMagic.block, DirectoryMagic.data];
  if (!wanted.includes(magic)) {
    throw new CorruptImageError({
      structure: 'xfs_dir2_data_hdr',
      field: 'magic',
      found: magic,
      expected: wanted[1],
      reason: `inode ${directory.ino}: no directory block at byte ${offset} of it`,
    });
  }
  if (volume.isChecked) verifyFork(volume, extents, offset, data, DIRECTORY_CHECKSUM, 'xfs_dir3_data_hdr');
  return data;
}

/** Chapter 18.2 and 18.3: entries and unused space, up to the hash table of a directory of one block. */
function* blockEntries(volume: Volume, data: Uint8Array): Generator<Listed> {
  const view = viewOf(data);
  const end = entriesEnd(data);
  const type = volume.hasFileType ? 1 : 0;
  for (
    let at: number = volume.isChecked ? DIRECTORY_HEADER.checked : DIRECTORY_HEADER.plain;
    at + DIRECTORY_ALIGN <= end;
  ) {
    if (view.getUint16(at) === FREE_TAG) {
      const length = view.getUint16(at + 2);
      if (length < DIRECTORY_ALIGN || length % DIRECTORY_ALIGN !== 0) throw malformed('unused space of no length');
      at += length;
      continue;
    }
    const nameStart = at + 9;
    const nameLength = data[at + 8]!;
    const next = at + Math.ceil((ENTRY_FIXED + nameLength + type) / DIRECTORY_ALIGN) * DIRECTORY_ALIGN;
    if (nameLength === 0 || next > end) throw malformed('an entry ends outside its block');
    yield {
      name: data.subarray(nameStart, nameStart + nameLength),
      type: type === 0 ? 'u' : (LETTERS[data[nameStart + nameLength]!] ?? 'u'),
      ino: view.getBigUint64(at),
    };
    at = next;
  }
}

function entriesEnd(data: Uint8Array): number {
  const magic = viewOf(data).getUint32(0);
  if (magic !== DirectoryMagic.block && magic !== DirectoryMagic.blockChecked) return data.length;
  const { count } = BlockTail.decode(data, data.length - BlockTail.size);
  const end = data.length - BlockTail.size - count * 8;
  if (end < DIRECTORY_HEADER.plain) throw malformed('the hash table is larger than the block');
  return end;
}

/** A name for people; what a path cannot have is replaced. */
export const shownName = (name: Uint8Array): string => decodeFileName(name).replace(/[/\0]/g, '\ufffd');

const isDots = (name: Uint8Array): boolean =>
  name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e));

function malformed(reason: string): CorruptImageError {
  return new CorruptImageError({ structure: 'XFS directory', reason });
}
