import { CorruptImageError, LockedError } from '@vmcraft/core/errors';
import { checkBlockNumber } from './block-store.js';
import { INCOMPAT, MMP_MAGIC, MMP_SEQ_CLEAN, MMP_SEQ_FSCK, mmpLayout, superblockLayout } from './layout.js';
import type { Volume } from './volume.js';

/**
 * Whether another host uses the file system ("Multiple mount protection").
 * @throws LockedError when it does
 * @throws CorruptImageError when the block is damaged
 */
export async function checkMmp(volume: Volume): Promise<void> {
  const { superblock, geometry, checksum, store } = volume;
  if (!superblock.hasIncompat(INCOMPAT.MMP)) return;
  const block = Number(superblockLayout.decode(superblock.raw).mmpBlock);
  checkBlockNumber(block, geometry.blocksCount, 'ext4_super_block', 's_mmp_block');
  const data = (await store.read(block)).subarray(0, mmpLayout.size);
  const offset = block * geometry.blockSize;
  const mmp = mmpLayout.decode(data, 0, offset);
  if (mmp.magic !== MMP_MAGIC) {
    throw new CorruptImageError({
      structure: 'mmp_struct',
      field: 'mmp_magic',
      offset,
      expected: MMP_MAGIC,
      found: mmp.magic,
    });
  }
  if (checksum.metadata && checksum.mmp(data) !== mmp.checksum) {
    const expected = checksum.mmp(data);
    throw new CorruptImageError({
      structure: 'mmp_struct',
      field: 'mmp_checksum',
      offset,
      expected,
      found: mmp.checksum,
    });
  }
  if (mmp.sequence === MMP_SEQ_CLEAN) return;
  const end = mmp.nodeName.indexOf(0);
  const node = new TextDecoder().decode(mmp.nodeName.subarray(0, end < 0 ? mmp.nodeName.length : end));
  const doing = mmp.sequence === MMP_SEQ_FSCK ? 'is being checked' : 'is mounted';
  throw new LockedError({
    path: 'ext4 file system',
    reason: `its multiple mount protection says that it ${doing}${node === '' ? '' : ` by ${node}`}`,
    force: 'clearing it with tune2fs -E clear_mmp',
  });
}
