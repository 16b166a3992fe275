import type { BlockDevice, FsDriver, FsSignature } from '@vmcraft/core/contracts';
import { SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE, superblockLayout } from './layout.js';
import { openExt } from './mount.js';
import { looksLikeSuperblock, signatureOf } from './superblock.js';

async function probeExt(device: BlockDevice): Promise<FsSignature | undefined> {
  if (device.size < SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE) return undefined;
  const raw = await device.read(SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE);
  if (!looksLikeSuperblock(raw)) return undefined;
  const fields = superblockLayout.decode(raw);
  const plausible = fields.logBlockSize <= 6 && fields.blocksPerGroup > 0 && fields.inodesPerGroup > 0;
  const isJournal = (fields.featureIncompat & 0x8) !== 0;
  return plausible || isJournal ? signatureOf(fields) : undefined;
}

/** The driver for ext2, ext3 and ext4. */
export function extDriver(): FsDriver {
  return {
    name: 'fs-ext',
    probe: probeExt,
    open: openExt,
    format: async (device, type, options) => (await import('./format.js')).formatExt(device, type, options),
    check: async (device) => (await import('./check.js')).checkExt(device),
  };
}
