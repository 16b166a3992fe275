import type { BlockDevice, CheckReport } from '@vmcraft/core/contracts';
import { mappedRuns } from './block-map.js';
import { DirectoryPass } from './check-directories.js';
import { InodeFacts } from './check-facts.js';
import { Findings } from './check-findings.js';
import { GroupPass, takeGroupBlocks } from './check-groups.js';
import { InodePass } from './check-inodes.js';
import { BlockUsage } from './check-usage.js';
import { Journal } from './journal.js';
import { COMPAT, INCOMPAT, orphanTailLayout, RO_COMPAT, STATE_ERROR, STATE_VALID } from './layout.js';
import { openExt } from './mount.js';
import { hasOrphans } from './orphan.js';
import type { Volume } from './volume.js';

/**
 * Check the structure of an ext2, ext3 or ext4 file system as e2fsck does: superblock and descriptors, inodes and the blocks they own,
 * directories, connectivity, link counts, bitmaps and counts, every checksum on the way. Nothing is written; a journal that needs
 * replaying is replayed in memory first. Memory grows with the number of groups and inodes in use, not with their contents.
 *
 * @returns `clean` when e2fsck would have nothing to repair
 * @throws HostError and the like from the device; damage is never thrown
 */
export async function checkExt(device: BlockDevice): Promise<CheckReport> {
  const findings = new Findings();
  const fs = await findings.attempt(() =>
    openExt(device, { readonly: true, warn: ({ message }) => findings.warning(message) }),
  );
  if (fs === undefined) return { clean: false, findings: findings.list };
  try {
    await checkVolume(fs.volume, device, findings);
  } finally {
    await fs.close();
  }
  return { clean: findings.clean, findings: findings.list };
}

async function checkVolume(volume: Volume, device: BlockDevice, findings: Findings): Promise<void> {
  checkSuperblock(volume, device, findings);
  const usage = new BlockUsage(volume.geometry, findings);
  const facts = new InodeFacts(volume.geometry.inodesPerGroup);
  await findings.attempt(() => noteNameless(volume, facts, findings));
  await takeGroupBlocks(volume, usage, findings);
  const mmp = Number(volume.superblock.fields.mmpBlock);
  if (volume.superblock.hasIncompat(INCOMPAT.MMP) && mmp !== 0) usage.takeMetadata(mmp, 1, 'MMP block');
  await new InodePass(volume, usage, facts, findings).run();
  const directories = new DirectoryPass(volume, facts, findings);
  await directories.run();
  directories.connectivity();
  directories.linkCounts();
  await new GroupPass(volume, usage, facts, findings).run();
  if (volume.superblock.has(COMPAT.HAS_JOURNAL)) await findings.attempt(() => Journal.open(volume));
}

function checkSuperblock(volume: Volume, device: BlockDevice, findings: Findings): void {
  const { superblock, geometry } = volume;
  const bytes = geometry.blocksCount * geometry.blockSize;
  if (bytes > device.size) findings.error(`the file system has ${bytes} bytes, its device ${device.size}`);
  const state = superblock.get('state');
  if ((state & STATE_VALID) === 0) findings.warning('it was not cleanly unmounted');
  if ((state & STATE_ERROR) !== 0) findings.warning('it is marked as having errors');
  if (superblock.reservedBlocks > geometry.blocksCount) findings.error(`${superblock.reservedBlocks} reserved blocks`);
}

/** Inodes in use that no directory lists: the file system's own, and those waiting to be deleted. */
async function noteNameless(volume: Volume, facts: InodeFacts, findings: Findings): Promise<void> {
  const { superblock, geometry } = volume;
  const { fields } = superblock;
  if (superblock.has(COMPAT.ORPHAN_FILE)) facts.nameless.add(fields.orphanFileInode);
  if (superblock.hasRoCompat(RO_COMPAT.QUOTA)) {
    for (const ino of [fields.userQuotaInode, fields.groupQuotaInode, fields.projectQuotaInode])
      facts.nameless.add(ino);
  }
  if (fields.journalInode !== 0) facts.nameless.add(fields.journalInode);
  if (!hasOrphans(volume)) return;
  findings.warning('it has orphans: files deleted while they were open');
  for await (const ino of orphanNumbers(volume)) if (ino <= geometry.inodesCount) facts.nameless.add(ino);
}

/** Numbers on the orphan list and in the orphan file. */
async function* orphanNumbers(volume: Volume): AsyncGenerator<number> {
  const { superblock, geometry, store } = volume;
  const seen = new Set<number>();
  for (let ino = superblock.get('lastOrphan'); ino !== 0 && !seen.has(ino) && seen.size < geometry.inodesCount; ) {
    seen.add(ino);
    yield ino;
    ino = (await volume.inodes.read(ino)).dtime;
  }
  if (!superblock.has(COMPAT.ORPHAN_FILE)) return;
  const file = await volume.inodes.read(superblock.fields.orphanFileInode);
  for await (const run of mappedRuns(volume, file, 0, Math.ceil(file.size / geometry.blockSize))) {
    for (let i = 0; i < run.length; i++) {
      const data = await store.read(run.physical + i);
      const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
      for (let at = 0; at < geometry.blockSize - orphanTailLayout.size; at += 4) {
        if (view.getUint32(at, true) !== 0) yield view.getUint32(at, true);
      }
    }
  }
}
