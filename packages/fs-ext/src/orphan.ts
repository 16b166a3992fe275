import { CorruptImageError } from '@vmcraft/core/errors';
import { mapBlocks } from './block-map.js';
import { BlockMapEditor } from './block-map-edit.js';
import type { Change } from './change.js';
import { deleteInode, hasBlockMap } from './delete-inode.js';
import type { Inode } from './inode.js';
import { COMPAT, ORPHAN_BLOCK_MAGIC, orphanTailLayout, RO_COMPAT } from './layout.js';
import type { Volume } from './volume.js';

/** Orphans handled at most; a file system cannot have more inodes than this in practice. */
const MAX_ORPHANS = 10_000_000;

/** Whether inodes wait to be deleted or truncated. */
export function hasOrphans(volume: Volume): boolean {
  const { superblock } = volume;
  return superblock.get('lastOrphan') !== 0 || superblock.hasRoCompat(RO_COMPAT.ORPHAN_PRESENT);
}

/**
 * Finish what was under way when the file system was last in use, "Orphan list" and "Orphan file": inodes without links are deleted,
 * the others cut to their size.
 */
export async function processOrphans(change: Change): Promise<void> {
  await processList(change);
  const { superblock } = change.volume;
  if (superblock.has(COMPAT.ORPHAN_FILE)) await processFile(change);
  const featureRoCompat = (superblock.get('featureRoCompat') & ~RO_COMPAT.ORPHAN_PRESENT) >>> 0;
  superblock.set({ lastOrphan: 0, featureRoCompat });
}

async function processList(change: Change): Promise<void> {
  const { volume } = change;
  const seen = new Set<number>();
  for (let ino = volume.superblock.get('lastOrphan'); ino !== 0; ) {
    if (seen.has(ino) || seen.size > MAX_ORPHANS) {
      const reason = `the list comes back to inode ${ino}`;
      throw new CorruptImageError({ structure: 'ext4_super_block', field: 's_last_orphan', reason });
    }
    seen.add(ino);
    const inode = await volume.inodes.modify(ino);
    const next = inode.dtime;
    inode.dtime = 0;
    await finish(change, inode);
    ino = next;
  }
}

async function finish(change: Change, inode: Inode): Promise<void> {
  const { geometry } = change.volume;
  if (inode.mode === 0 || inode.ino < geometry.firstInode) {
    change.volume.warn({ source: 'fs-ext', message: `orphan inode ${inode.ino} is not in use` });
    return;
  }
  if (inode.links === 0) return deleteInode(change, inode);
  if (!hasBlockMap(change, inode)) return;
  const map = new BlockMapEditor(change, inode);
  await map.release(Math.ceil(inode.size / geometry.blockSize), map.maxBlocks);
}

async function processFile(change: Change): Promise<void> {
  const { volume } = change;
  const { geometry, superblock, store } = volume;
  const file = await volume.inodes.read(superblock.fields.orphanFileInode);
  const blocks = Math.min(Math.ceil(file.size / geometry.blockSize), geometry.blocksCount);
  for (let logical = 0; logical < blocks; logical++) {
    const { physical } = await mapBlocks(volume, file, logical, 1);
    if (physical === 0) continue;
    const data = await store.read(physical);
    const slots = verifyBlock(volume, file, physical, data);
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const listed: number[] = [];
    for (let i = 0; i < slots; i++) if (view.getUint32(i * 4, true) !== 0) listed.push(view.getUint32(i * 4, true));
    if (listed.length === 0) continue;
    for (const ino of new Set(listed)) await finish(change, await volume.inodes.modify(ino));
    const own = await store.modify(physical, orphanSeal(volume, file, physical));
    own.fill(0, 0, slots * 4);
  }
}

/** @returns the number of slots in a block. @throws CorruptImageError */
function verifyBlock(volume: Volume, file: Inode, block: number, data: Uint8Array): number {
  const { blockSize } = volume.geometry;
  const at = blockSize - orphanTailLayout.size;
  const tail = orphanTailLayout.decode(data, at, block * blockSize);
  const offset = block * blockSize + at;
  const structure = 'ext4_orphan_block_tail';
  if (tail.magic !== ORPHAN_BLOCK_MAGIC) {
    throw new CorruptImageError({
      structure,
      field: 'ob_magic',
      offset,
      expected: ORPHAN_BLOCK_MAGIC,
      found: tail.magic,
    });
  }
  if (volume.checksum.metadata) {
    const expected = orphanChecksum(volume, file, block, data);
    if (expected !== tail.checksum) {
      throw new CorruptImageError({ structure, field: 'ob_checksum', offset, expected, found: tail.checksum });
    }
  }
  return at / 4;
}

function orphanChecksum(volume: Volume, file: Inode, block: number, data: Uint8Array): number {
  const seed = volume.checksum.inodeSeed(file.ino, file.generation);
  return volume.checksum.orphanBlock(seed, block, data, data.length - orphanTailLayout.size);
}

function orphanSeal(volume: Volume, file: Inode, block: number): ((data: Uint8Array) => void) | undefined {
  if (!volume.checksum.metadata) return undefined;
  return (data) => {
    const checksum = orphanChecksum(volume, file, block, data);
    orphanTailLayout.encodeInto({ checksum }, data, data.length - orphanTailLayout.size);
  };
}
