import { encodeUtf8, parseUuid } from '@vmcraft/core/binary';
import { FsError } from '@vmcraft/core/errors';
import type { Change } from './change.js';
import { superblockChecksum } from './checksum.js';
import { firstBlockOf, hasSuperblock } from './geometry.js';
import { INCOMPAT, superblockLayout } from './layout.js';
import { looksLikeSuperblock, type Superblock } from './superblock.js';

/** Bytes of `s_volume_name`. */
const LABEL_SIZE = 16;

/** Set the label, in the superblock and its backups. @throws FsError EINVAL when it is longer than 16 bytes */
export async function writeLabel(change: Change, label: string): Promise<void> {
  const bytes = encodeUtf8(label);
  if (bytes.length > LABEL_SIZE || bytes.includes(0)) {
    throw new FsError('EINVAL', { operation: 'setLabel', reason: `a label has at most ${LABEL_SIZE} bytes` });
  }
  change.volume.superblock.set({ volumeName: bytes });
  await updateBackups(change);
}

/**
 * Set the UUID. With metadata_csum it seeds every checksum: the old seed is kept in the superblock then (metadata_csum_seed), as
 * tune2fs(8) does for mounted file systems.
 */
export async function writeUuid(change: Change, text: string): Promise<void> {
  const uuid = parseUuid(text);
  if (uuid === undefined) throw new FsError('EINVAL', { operation: 'setUuid', reason: 'not a UUID' });
  const { superblock, checksum, geometry, groups } = change.volume;
  if (checksum.metadata && !superblock.hasIncompat(INCOMPAT.CSUM_SEED)) {
    const featureIncompat = (superblock.get('featureIncompat') | INCOMPAT.CSUM_SEED) >>> 0;
    superblock.set({ featureIncompat, checksumSeed: checksum.seed });
  }
  superblock.set({ uuid });
  if (checksum.descriptors && !checksum.metadata) {
    // They are read and verified under the old UUID, and sealed under the new one when they are written.
    for (let group = 0; group < geometry.groupCount; group += geometry.descriptorsPerBlock) await groups.modify(group);
    checksum.setUuid(uuid);
  }
  await updateBackups(change);
}

/** Write the changed superblock over its backups too. */
export async function updateBackups(change: Change): Promise<void> {
  const { geometry, superblock, store } = change.volume;
  for (let group = 1; group < geometry.groupCount; group++) {
    if (!hasSuperblock(geometry, group)) continue;
    const block = firstBlockOf(geometry, group);
    const old = await store.read(block);
    if (!looksLikeSuperblock(old)) continue;
    const data = await store.modify(block);
    data.set(backupOf(superblock, group));
  }
}

function backupOf(superblock: Superblock, group: number): Uint8Array {
  const raw = superblock.raw.slice();
  superblockLayout.encodeInto({ blockGroupNumber: group }, raw);
  if (superblock.checksum.metadata) superblockLayout.encodeInto({ checksum: superblockChecksum(raw) }, raw);
  return raw;
}
