import { BlockMapEditor } from './block-map-edit.js';
import type { Change } from './change.js';
import { goalOfInode } from './extent-edit.js';
import { inlineContent } from './inline-data.js';
import type { Inode } from './inode.js';
import { startExtents } from './inode-init.js';
import { FL, I_BLOCK_SIZE, INCOMPAT } from './layout.js';
import type { StoredXattr } from './xattr-codec.js';
import { hasKey, INLINE_DATA_KEY, inodeXattrs } from './xattr-inode.js';
import { XattrEditor } from './xattr-write.js';

/** Put `content` into the inode itself. @returns false, with nothing changed, when it does not fit */
export function storeInline(change: Change, inode: Inode, content: Uint8Array): boolean {
  const rest = content.slice(I_BLOCK_SIZE);
  const entry: StoredXattr = { ...INLINE_DATA_KEY, value: rest, valueInode: 0, size: rest.length, hash: 0 };
  const list = [...inodeXattrs(inode).filter((x) => !hasKey(x, INLINE_DATA_KEY)), entry];
  const editor = new XattrEditor(change, inode);
  if (!editor.fitsInInode(list)) return false;
  editor.storeInInode(list);
  inode.block.fill(0);
  inode.block.set(content.subarray(0, I_BLOCK_SIZE));
  return true;
}

/**
 * Write into an inline file as long as it stays small enough.
 * @param size the size it gets; grows to the end of the data unless given
 * @returns false, with nothing changed, when it must get blocks first
 */
export async function tryWriteInline(
  change: Change,
  inode: Inode,
  offset: number,
  data: Uint8Array,
  size = Math.max(inode.size, offset + data.length),
): Promise<boolean> {
  if (size > inode.raw.length + I_BLOCK_SIZE) return false;
  const content = new Uint8Array(size);
  content.set(inlineContent(inode).subarray(0, Math.min(inode.size, size)));
  if (data.length > 0) content.set(data, offset);
  if (!storeInline(change, inode, content)) return false;
  inode.size = size;
  return true;
}

/** Forget inline contents: the inode gets an empty block map. @returns what it held */
export function dropInline(change: Change, inode: Inode): Uint8Array {
  const content = inlineContent(inode).slice(0, inode.size);
  new XattrEditor(change, inode).storeInInode(inodeXattrs(inode).filter((x) => !hasKey(x, INLINE_DATA_KEY)));
  inode.flags &= ~FL.INLINE_DATA;
  inode.block.fill(0);
  if (change.volume.superblock.hasIncompat(INCOMPAT.EXTENTS)) startExtents(inode);
  return content;
}

/** Move inline contents of a file into blocks. */
export async function unpackInline(change: Change, inode: Inode): Promise<void> {
  const content = dropInline(change, inode);
  if (content.length === 0) return;
  const { blockSize } = change.volume.geometry;
  const count = Math.ceil(content.length / blockSize);
  const map = new BlockMapEditor(change, inode);
  for (let at = 0; at < count; ) {
    const run = await map.fill(at, count - at, goalOfInode(change, inode), false);
    const padded = new Uint8Array(run.length * blockSize);
    padded.set(content.subarray(at * blockSize, (at + run.length) * blockSize));
    await change.volume.store.device.write(run.physical * blockSize, padded);
    at += run.length;
  }
}
