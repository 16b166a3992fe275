import { CorruptImageError, LimitExceededError } from '@vmcraft/core/errors';
import { checkBlockNumber } from './block-store.js';
import { crc32cOf } from './checksum.js';
import { readContent } from './file-data.js';
import type { Inode } from './inode.js';
import { FL, XATTR_HEADER_SIZE, XATTR_MAGIC, xattrHeaderLayout } from './layout.js';
import { VERIFIED, type Volume } from './volume.js';
import { decodeXattrs, type StoredXattr } from './xattr-codec.js';
import { inodeXattrs } from './xattr-inode.js';

/** Largest value the kernel keeps in an inode of its own (`EXT4_XATTR_SIZE_MAX`). */
const MAX_VALUE = 1 << 24;

/** An attribute block with its reference count. */
export interface XattrBlock {
  readonly block: number;
  readonly refcount: number;
  readonly list: StoredXattr[];
}

/** The inode's attribute block, if it has one. @throws CorruptImageError */
export async function readXattrBlock(volume: Volume, inode: Inode): Promise<XattrBlock | undefined> {
  const block = inode.attributeBlock;
  if (block === 0) return undefined;
  const { store, geometry, checksum } = volume;
  checkBlockNumber(block, geometry.blocksCount, `inode ${inode.ino}`, 'i_file_acl');
  const data = store.peek(block) ?? (await store.read(block));
  const header = xattrHeaderLayout.decode(data, 0, block * geometry.blockSize);
  const fail = (field: string, expected: unknown, found: unknown): never => {
    const offset = block * geometry.blockSize;
    throw new CorruptImageError({ structure: 'ext4_xattr_header', field, offset, expected, found });
  };
  if (header.magic !== XATTR_MAGIC) fail('h_magic', XATTR_MAGIC, header.magic);
  if (header.blocks !== 1) fail('h_blocks', 1, header.blocks);
  if (checksum.metadata && !store.isVerified(block, VERIFIED.OTHER)) {
    const expected = checksum.xattrBlock(block, data);
    if (expected !== header.checksum) fail('h_checksum', expected, header.checksum);
    store.setVerified(block, VERIFIED.OTHER);
  }
  const area = { entries: XATTR_HEADER_SIZE, base: 0, end: geometry.blockSize };
  return { block, refcount: header.refcount, list: decodeXattrs(data, area, `attribute block ${block}`) };
}

/** All attributes of an inode, the ones in the inode first. */
export async function allXattrs(volume: Volume, inode: Inode): Promise<StoredXattr[]> {
  return [...inodeXattrs(inode), ...((await readXattrBlock(volume, inode))?.list ?? [])];
}

/** The value of a stored attribute, wherever it lies. @throws CorruptImageError */
export async function xattrValue(volume: Volume, owner: Inode, x: StoredXattr): Promise<Uint8Array> {
  if (x.valueInode === 0) return x.value;
  if (x.size > MAX_VALUE) throw new LimitExceededError({ limit: 'attribute value', value: x.size, max: MAX_VALUE });
  const inode = await volume.inodes.read(x.valueInode);
  if (!inode.has(FL.EA_INODE) || inode.size !== x.size) {
    const reason = `inode ${x.valueInode} is no attribute value of ${x.size} bytes`;
    throw new CorruptImageError({ structure: 'ext4_xattr_entry', field: 'e_value_inum', reason });
  }
  const value = await readContent(volume, inode, 0, x.size);
  const expected = crc32cOf(volume.checksum.seed, value);
  const found = inode.time('atime').sec >>> 0;
  // An older form of the feature has the owner's number and generation in place of the hash.
  const lustre = inode.time('mtime').sec === owner.ino && inode.generation === owner.generation;
  if (found !== expected && !lustre) {
    const structure = `attribute value in inode ${x.valueInode}`;
    throw new CorruptImageError({ structure, field: 'hash', expected, found });
  }
  return value;
}
