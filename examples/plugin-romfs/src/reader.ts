import { alignUp, type BlockDevice, CorruptImageError, decodeFileName, equalBytes, viewOf } from '@vmcraft/core';
import { ALIGNMENT, CHECKED_BYTES, EXECUTABLE, FileHeader, ROMFS_MAGIC, Superblock, TYPE_MASK } from './layout.js';

/** Longest name that is believed; Linux has no longer ones. */
const NAME_MAX = 255;

/** What the superblock says. */
export interface Volume {
  /** Bytes. */
  readonly size: number;
  readonly label: string;
  /** Offset of the root's header in bytes. */
  readonly root: number;
}

/** A decoded file header. */
export interface Entry {
  /** Offset of its header in bytes; its identity. */
  readonly offset: number;
  readonly name: string;
  readonly kind: number;
  readonly executable: boolean;
  /** Offset of the next header in the directory, or 0. */
  readonly next: number;
  readonly spec: number;
  /** Bytes. */
  readonly size: number;
  /** Offset of the contents in bytes. */
  readonly data: number;
}

/** The superblock, or undefined when the device holds no romfs. */
export async function readVolume(device: BlockDevice): Promise<Volume | undefined> {
  if (device.size < Superblock.size) return undefined;
  const head = await device.read(0, Math.min(CHECKED_BYTES, device.size));
  const superblock = Superblock.decode(head);
  if (!equalBytes(superblock.magic, ROMFS_MAGIC)) return undefined;
  const name = nameIn(head, Superblock.size);
  return {
    size: superblock.fullSize,
    label: decodeFileName(name),
    root: alignUp(Superblock.size + name.length + 1, ALIGNMENT),
  };
}

/** Longwords of the checked part add up to zero. @throws CorruptImageError */
export async function verifyChecksum(device: BlockDevice, volume: Volume): Promise<void> {
  const length = Math.min(CHECKED_BYTES, volume.size) & ~3;
  if (volume.size > device.size) {
    throw new CorruptImageError({
      structure: Superblock.name,
      field: 'fullSize',
      expected: `at most ${device.size}`,
      found: volume.size,
    });
  }
  const view = viewOf(await device.read(0, length));
  let sum = 0;
  for (let at = 0; at < length; at += 4) sum = (sum + view.getUint32(at)) >>> 0;
  if (sum !== 0)
    throw new CorruptImageError({ structure: Superblock.name, field: 'checksum', expected: 0, found: sum });
}

/** The file header at `offset`. @throws CorruptImageError, TruncatedImageError */
export async function readEntry(device: BlockDevice, volume: Volume, offset: number): Promise<Entry> {
  if (offset % ALIGNMENT !== 0 || offset < Superblock.size || offset + FileHeader.size > volume.size) {
    throw new CorruptImageError({ structure: FileHeader.name, offset, reason: 'it lies outside the file system' });
  }
  const bytes = await device.read(offset, Math.min(FileHeader.size + NAME_MAX + 1, device.size - offset));
  const header = FileHeader.decode(bytes, 0, offset);
  const name = nameIn(bytes, FileHeader.size);
  return {
    offset,
    name: decodeFileName(name),
    kind: header.next & TYPE_MASK,
    executable: (header.next & EXECUTABLE) !== 0,
    next: header.next - (header.next % ALIGNMENT),
    spec: header.spec,
    size: header.size,
    data: alignUp(offset + FileHeader.size + name.length + 1, ALIGNMENT),
  };
}

function nameIn(data: Uint8Array, start: number): Uint8Array {
  const end = data.indexOf(0, start);
  return data.subarray(start, end < 0 ? data.length : end);
}
