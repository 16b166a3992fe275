import { S_IFREG } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import { BlockMapEditor } from './block-map-edit.js';
import type { Change } from './change.js';
import { crc32cOf } from './checksum.js';
import { goalOfInode } from './extent-edit.js';
import type { Inode } from './inode.js';
import { initInode } from './inode-init.js';
import { FL, inodeLayout } from './layout.js';
import { type StoredXattr, xattrEntryHash } from './xattr-codec.js';

const REFERENCES = inodeLayout.offsetOf('versionLo');

/** Reference count of a value inode: low word in the version, high word in the change time ("Extended Attributes", ea_inode). */
function references(inode: Inode): number {
  return inode.view.getUint32(REFERENCES, true);
}

/** Put a value into an inode of its own. @returns the attribute, now pointing there */
export async function makeValueInode(change: Change, owner: Inode, x: StoredXattr): Promise<StoredXattr> {
  const { volume } = change;
  const ino = await change.inodes.allocate(owner.ino, false, false);
  const inode = await initInode(change, ino, { mode: S_IFREG | 0o600, uid: owner.uid, gid: owner.gid });
  inode.flags |= FL.EA_INODE;
  inode.links = 1;
  inode.view.setUint32(REFERENCES, 1, true);
  const hash = crc32cOf(volume.checksum.seed, x.value);
  inode.setTime('atime', { sec: hash, nsec: 0 });
  inode.setTime('ctime', { sec: 0, nsec: 0 });
  await putValue(change, inode, x.value);
  const word = new Uint8Array(4);
  new DataView(word.buffer).setUint32(0, hash, true);
  return { ...x, value: EMPTY, valueInode: ino, hash: xattrEntryHash(x.name, word) };
}

const EMPTY = new Uint8Array(0);

async function putValue(change: Change, inode: Inode, value: Uint8Array): Promise<void> {
  const { blockSize } = change.volume.geometry;
  const map = new BlockMapEditor(change, inode);
  const count = Math.ceil(value.length / blockSize);
  const padded = new Uint8Array(count * blockSize);
  padded.set(value);
  let goal = goalOfInode(change, inode);
  for (let at = 0; at < count; ) {
    const run = await map.fill(at, count - at, goal, false);
    const bytes = padded.subarray(at * blockSize, (at + run.length) * blockSize);
    await change.volume.store.device.write(run.physical * blockSize, bytes);
    at += run.length;
    goal = run.physical + run.length;
  }
  inode.size = value.length;
}

/** One more attribute refers to a value inode. */
export async function retainValueInode(change: Change, ino: number): Promise<void> {
  const inode = await valueInode(change, ino);
  inode.view.setUint32(REFERENCES, references(inode) + 1, true);
}

/** One attribute less refers to a value inode; the last one frees it. */
export async function releaseValueInode(change: Change, ino: number): Promise<void> {
  const inode = await valueInode(change, ino);
  const left = references(inode) - 1;
  inode.view.setUint32(REFERENCES, Math.max(left, 0), true);
  if (left > 0) return;
  const map = new BlockMapEditor(change, inode);
  await map.release(0, map.maxBlocks);
  inode.links = 0;
  inode.size = 0;
  inode.dtime = change.now.sec;
  await change.inodes.free(ino, false);
}

async function valueInode(change: Change, ino: number): Promise<Inode> {
  const inode = await change.volume.inodes.modify(ino);
  if (inode.has(FL.EA_INODE)) return inode;
  const reason = `inode ${ino} holds no attribute value`;
  throw new CorruptImageError({ structure: 'ext4_xattr_entry', field: 'e_value_inum', found: ino, reason });
}
