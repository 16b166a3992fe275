import type { ExtChecksum } from './checksum.js';
import { hasHighInodeChecksum } from './checksum.js';
import type { Geometry } from './geometry.js';
import {
  DIR_ENTRY_HEADER,
  DIR_TAIL_SIZE,
  DIR_TAIL_TYPE,
  DIR_TYPE,
  dirEntryLayout,
  dirTailLayout,
  INODE_SIZE_GOOD_OLD,
  inodeLayout,
} from './layout.js';

/** What a new special file's inode says. */
export interface InodeSpec {
  readonly mode: number;
  readonly links: number;
  /** Bytes. */
  readonly size: number;
  /** Blocks taken, map included. */
  readonly taken: number;
  readonly flags: number;
  readonly map: Uint8Array;
}

const EXTRA_ISIZE = 32;

/** Raw bytes of a new inode, checksum not yet in place. */
export function newInode(g: Geometry, spec: InodeSpec, now: number): Uint8Array {
  const raw = new Uint8Array(Math.max(g.inodeSize, inodeLayout.size));
  const sectors = spec.taken * (g.blockSize / 512);
  const time = now >>> 0;
  inodeLayout.encodeInto(
    {
      mode: spec.mode,
      sizeLo: spec.size >>> 0,
      sizeHi: Math.floor(spec.size / 0x100000000),
      ...{ atime: time, ctime: time, mtime: time },
      links: spec.links,
      blocksLo: sectors >>> 0,
      blocksHi: Math.floor(sectors / 0x100000000),
      flags: spec.flags,
      block: spec.map,
    },
    raw,
  );
  if (g.inodeSize > INODE_SIZE_GOOD_OLD)
    inodeLayout.encodeInto({ extraSize: EXTRA_ISIZE, crtime: time, ...epochs(now) }, raw);
  return raw.subarray(0, g.inodeSize);
}

/** The two bits that carry times past 2038. */
function epochs(now: number): { atimeExtra: number; ctimeExtra: number; mtimeExtra: number; crtimeExtra: number } {
  const epoch = Math.floor((now + 0x80000000) / 0x100000000) & 3;
  return { atimeExtra: epoch, ctimeExtra: epoch, mtimeExtra: epoch, crtimeExtra: epoch };
}

/** Put the checksum of inode `ino` in place, where the file system has them. */
export function sealInode(checksum: ExtChecksum, ino: number, raw: Uint8Array): void {
  if (!checksum.metadata) return;
  const generation = new DataView(raw.buffer, raw.byteOffset).getUint32(inodeLayout.offsetOf('generation'), true);
  const sum = checksum.inode(ino, generation, raw);
  const view = new DataView(raw.buffer, raw.byteOffset);
  view.setUint16(inodeLayout.offsetOf('checksumLo'), sum & 0xffff, true);
  if (hasHighInodeChecksum(raw)) view.setUint16(inodeLayout.offsetOf('checksumHi'), sum >>> 16, true);
}

/** A name in a new directory block. */
export interface NewEntry {
  readonly ino: number;
  readonly name: string;
}

/** A directory block with these directories in it; the last entry, or an empty one, fills the block. */
export function directoryBlock(
  g: Geometry,
  checksum: ExtChecksum,
  ino: number,
  entries: readonly NewEntry[],
  filetype: boolean,
): Uint8Array {
  const block = new Uint8Array(g.blockSize);
  const end = checksum.metadata ? g.blockSize - DIR_TAIL_SIZE : g.blockSize;
  let at = 0;
  for (const [i, entry] of entries.entries()) {
    const own = DIR_ENTRY_HEADER + Math.ceil(entry.name.length / 4) * 4;
    const recordLength = i === entries.length - 1 ? end - at : own;
    dirEntryLayout.encodeInto(
      {
        inode: entry.ino,
        recordLength: encodeRecordLength(recordLength),
        nameLength: entry.name.length,
        fileType: filetype ? DIR_TYPE.DIR : DIR_TYPE.UNKNOWN,
      },
      block,
      at,
    );
    block.set(new TextEncoder().encode(entry.name), at + DIR_ENTRY_HEADER);
    at += recordLength;
  }
  if (entries.length === 0) dirEntryLayout.encodeInto({ recordLength: encodeRecordLength(end) }, block);
  if (checksum.metadata) {
    const sum = checksum.ofInode(checksum.inodeSeed(ino, 0), block, end);
    dirTailLayout.encodeInto({ recordLength: DIR_TAIL_SIZE, fileType: DIR_TAIL_TYPE, checksum: sum }, block, end);
  }
  return block;
}

/** A record of 64 KiB does not fit its 16-bit field and is written as the value before it. */
function encodeRecordLength(length: number): number {
  return length === 0x10000 ? 0xffff : length;
}
