import { compareBytes, decodeFileName, toSafeInteger, viewOf } from '@vmcraft/core/binary';
import type { FileType } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import type { DirectoryNode } from './inode.js';
import { DirectoryEntry, DirectoryHeader, DirectoryIndex, DOTS_SIZE, MAX_ENTRIES } from './layout.js';
import type { Position, Volume } from './volume.js';

const LETTERS: readonly FileType[] = ['u', 'd', 'r', 'l', 'b', 'c', 'f', 's'];
/** Longest name (format, section 3.2.1). */
const NAME_MAX = 256;

/** A name in a directory. */
export interface Listed {
  readonly name: Uint8Array;
  readonly type: FileType;
  /** Its inode. */
  readonly position: Position;
}

/** Where in a listing to begin: everything, or the part that an index entry points at. */
interface Start {
  readonly at: Position;
  /** Bytes of the listing before `at`. */
  readonly done: number;
}

/** Names of a directory, in order of their bytes. @throws CorruptImageError */
export async function* readListing(
  volume: Volume,
  directory: DirectoryNode,
  start: Start = { at: directory.listing, done: 0 },
): AsyncGenerator<Listed> {
  const inodes = toSafeInteger(volume.superblock.inodeTable, 'inodeTable');
  const size = directory.size - DOTS_SIZE;
  let { at, done } = start;
  while (done < size) {
    const head = await volume.metadata(at, DirectoryHeader.size);
    const header = DirectoryHeader.decode(head.data);
    if (header.count >= MAX_ENTRIES) {
      const found = { field: 'count', found: header.count, expected: `below ${MAX_ENTRIES}` };
      throw new CorruptImageError({ structure: DirectoryHeader.name, offset: at.block, ...found });
    }
    at = head.next;
    done += DirectoryHeader.size;
    for (let i = 0; i <= header.count && done < size; i++) {
      const fixed = await volume.metadata(at, DirectoryEntry.size);
      const entry = DirectoryEntry.decode(fixed.data);
      const length = entry.nameSize + 1;
      if (length > NAME_MAX) throw badName(at.block, length);
      const name = await volume.metadata(fixed.next, length);
      at = name.next;
      done += DirectoryEntry.size + length;
      const position = { block: inodes + header.start, offset: entry.offset };
      yield { name: name.data, type: LETTERS[entry.type] ?? 'u', position };
    }
  }
}

/** Find one name; the directory's index, if it has one, spares reading all before it. */
export async function findName(
  volume: Volume,
  directory: DirectoryNode,
  name: Uint8Array,
): Promise<Listed | undefined> {
  const start = await seek(volume, directory, name);
  for await (const listed of readListing(volume, directory, start)) {
    const order = compareBytes(listed.name, name);
    if (order === 0) return listed;
    if (order > 0) return undefined;
  }
  return undefined;
}

/** The last index entry whose name is not after `name` (format, section 3.2.2). */
async function seek(volume: Volume, directory: DirectoryNode, name: Uint8Array): Promise<Start> {
  const table = toSafeInteger(volume.superblock.directoryTable, 'directoryTable');
  let best: Start = { at: directory.listing, done: 0 };
  let at = directory.index;
  for (let i = 0; i < directory.indexCount; i++) {
    const fixed = await volume.metadata(at, DirectoryIndex.size);
    const { index, start, nameSize } = DirectoryIndex.decode(fixed.data);
    if (nameSize + 1 > NAME_MAX) throw badName(at.block, nameSize + 1);
    const first = await volume.metadata(fixed.next, nameSize + 1);
    if (compareBytes(first.data, name) > 0) break;
    at = first.next;
    best = { at: { block: table + start, offset: (directory.listing.offset + index) % 8192 }, done: index };
  }
  return best;
}

/** A name for people; what a path cannot have is replaced. */
export function shownName(name: Uint8Array): string {
  return decodeFileName(name).replace(/[/\0]/g, '\ufffd');
}

function badName(offset: number, length: number): CorruptImageError {
  const found = { field: 'nameSize', found: length, expected: `at most ${NAME_MAX}` };
  return new CorruptImageError({ structure: DirectoryEntry.name, offset, ...found });
}

/** The position that a 64-bit reference stands for: the block relative to `table`, and the offset in its low 16 bits. */
export function positionOf(reference: bigint, table: bigint): Position {
  return { block: toSafeInteger(table + (reference >> 16n), 'reference'), offset: Number(reference & 0xffffn) };
}

/** Numbers of 32 bits in a table entry. */
export const u32At = (data: Uint8Array): number => viewOf(data).getUint32(0, true);
