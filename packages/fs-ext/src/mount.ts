import type { BlockDevice, FsOpenOptions } from '@vmcraft/core/contracts';
import { TruncatedImageError } from '@vmcraft/core/errors';
import { BlockAllocator } from './allocator.js';
import { type Change, currentTime } from './change.js';
import { FastCommitReplay } from './fast-commit.js';
import { type FastCommitRecord, scanFastCommits } from './fast-commit-scan.js';
import { ExtFileSystem } from './file-system.js';
import { InodeAllocator } from './inode-allocator.js';
import { Journal } from './journal.js';
import { JournalOverlay } from './journal-overlay.js';
import type { JournalContents } from './journal-scan.js';
import { COMPAT, INCOMPAT, STATE_ERROR, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE } from './layout.js';
import { checkMmp } from './mmp.js';
import { hasOrphans, processOrphans } from './orphan.js';
import { Superblock } from './superblock.js';
import { makeVolume, type Volume } from './volume.js';
import { Writer } from './writer.js';
import { XattrSharing } from './xattr-sharing.js';

async function readSuperblock(device: BlockDevice): Promise<Superblock> {
  const end = SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE;
  if (device.size < end) {
    const available = Math.max(0, device.size - SUPERBLOCK_OFFSET);
    throw new TruncatedImageError({
      structure: 'ext4_super_block',
      offset: SUPERBLOCK_OFFSET,
      needed: SUPERBLOCK_SIZE,
      available,
    });
  }
  return Superblock.parse((await device.read(SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE)).slice());
}

/** Why a file system cannot be written, or undefined. */
function obstacleOf(device: BlockDevice, superblock: Superblock): string | undefined {
  if (!device.writable) return 'its device is read-only';
  const features = superblock.writeObstacles();
  if (features.length > 0) return `it has ${features.join(', ')}, which VMCraft does not keep up`;
  const { blocksCount, blockSize } = superblock.geometry;
  if (blocksCount * blockSize > device.size) return 'its device is shorter than it';
  return undefined;
}

/**
 * Open an ext2, ext3 or ext4 file system. A journal that needs it is replayed: in memory when read-only, for real when writable;
 * then orphans are dealt with as well.
 * @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError, LockedError
 */
export async function openExt(device: BlockDevice, options: FsOpenOptions): Promise<ExtFileSystem> {
  const superblock = await readSuperblock(device);
  const volume = makeVolume(device, superblock, options);
  const obstacle = options.readonly ? undefined : obstacleOf(device, superblock);
  warnOf(volume, device, obstacle, options);
  if (options.readonly || obstacle !== undefined) {
    const view = await replayInMemory(volume, options);
    return new ExtFileSystem({ volume: view, device, ...(obstacle === undefined ? {} : { obstacle }) });
  }
  await checkMmp(volume);
  const writer = await replayForReal(volume, options);
  if (hasOrphans(writer.volume)) await writer.run(processOrphans);
  return new ExtFileSystem({ volume: writer.volume, device, writer });
}

function warnOf(volume: Volume, device: BlockDevice, obstacle: string | undefined, options: FsOpenOptions): void {
  const { geometry, superblock, warn } = volume;
  const say = (message: string): void => warn({ source: 'fs-ext', message });
  if (obstacle !== undefined) say(`opened read-only: ${obstacle}`);
  else if (geometry.blocksCount * geometry.blockSize > device.size) say('the device is shorter than the file system');
  if ((superblock.get('state') & STATE_ERROR) !== 0) say('the file system is marked as having errors; run e2fsck');
  for (const option of options.mountOptions ?? []) say(`mount option ${option} is ignored`);
}

function needsRecovery(volume: Volume): boolean {
  return volume.superblock.has(COMPAT.HAS_JOURNAL) && volume.superblock.hasIncompat(INCOMPAT.RECOVER);
}

/** The file system as it will be after recovery; nothing is written. */
async function replayInMemory(volume: Volume, options: FsOpenOptions): Promise<Volume> {
  if (!needsRecovery(volume)) return volume;
  const journal = await Journal.open(volume);
  if (journal === undefined) return volume;
  const contents = await journal.scan(volume.warn, false);
  const records = await fastCommits(journal, contents);
  if (contents.copies.size === 0 && records.length === 0) return volume;
  const overlay = new JournalOverlay(volume.store.device, volume.geometry.blockSize, contents.copies, journal.read);
  const view = makeVolume(overlay, await readSuperblock(overlay), options);
  await recount(view);
  if (records.length === 0) return view;
  const { store } = view;
  store.begin();
  await new FastCommitReplay(changeOf(view)).apply(records);
  store.commit();
  return view;
}

/** The superblock's counts are only kept up when a file system is unmounted; those of the groups are right after recovery. */
async function recount(volume: Volume): Promise<void> {
  const { geometry, groups, superblock } = volume;
  let blocks = 0;
  let inodes = 0;
  for (let group = 0; group < geometry.groupCount; group++) {
    const d = await groups.read(group);
    blocks += d.freeBlocks;
    inodes += d.freeInodes;
  }
  superblock.freeBlocks = blocks * geometry.clusterRatio;
  superblock.set({ freeInodes: inodes });
}

function changeOf(volume: Volume): Change {
  return {
    volume,
    blocks: new BlockAllocator(volume),
    inodes: new InodeAllocator(volume),
    sharing: new XattrSharing(),
    now: currentTime(),
  };
}

function fastCommits(journal: Journal, contents: JournalContents): Promise<FastCommitRecord[]> {
  return journal.geometry.fields.start === 0
    ? Promise.resolve([])
    : scanFastCommits(journal.geometry, journal.read, contents.nextSequence);
}

/** Bring the device itself up to date, and mark the journal empty. */
async function replayForReal(volume: Volume, options: FsOpenOptions): Promise<Writer> {
  if (!needsRecovery(volume)) return new Writer(volume);
  const { device } = volume.store;
  const journal = await Journal.open(volume);
  let records: FastCommitRecord[] = [];
  if (journal !== undefined) {
    const contents = await journal.scan(volume.warn, true);
    records = await fastCommits(journal, contents);
    await journal.replay(contents, volume.geometry.blocksCount);
  }
  const superblock = await readSuperblock(device);
  superblock.set({ featureIncompat: (superblock.get('featureIncompat') & ~INCOMPAT.RECOVER) >>> 0 });
  superblock.seal();
  await device.write(SUPERBLOCK_OFFSET, superblock.raw.slice());
  await device.flush();
  const ready = makeVolume(device, superblock, options);
  await recount(ready);
  const writer = new Writer(ready);
  if (records.length > 0) await writer.run((change) => new FastCommitReplay(change).apply(records));
  return writer;
}
