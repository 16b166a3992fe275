import type { FsOpenOptions } from '@vmcraft/core/contracts';
import { BlockAllocator } from './allocator.js';
import { type Change, currentTime } from './change.js';
import { FastCommitReplay } from './fast-commit.js';
import { type FastCommitRecord, scanFastCommits } from './fast-commit-scan.js';
import { InodeAllocator } from './inode-allocator.js';
import { Journal } from './journal.js';
import { JournalOverlay } from './journal-overlay.js';
import type { JournalContents } from './journal-scan.js';
import { INCOMPAT, SUPERBLOCK_OFFSET } from './layout.js';
import { checkMmp } from './mmp.js';
import { hasOrphans, processOrphans } from './orphan.js';
import { makeVolume, openVolume, readSuperblock, type Volume } from './volume.js';
import { Writer } from './writer.js';
import { XattrSharing } from './xattr-sharing.js';

/**
 * Make a volume ready to be written: its journal is replayed for real where it is dirty, and orphans are dealt with.
 * @throws LockedError when another host uses it
 */
export async function openWriter(volume: Volume, isDirty: boolean, options: FsOpenOptions): Promise<Writer> {
  await checkMmp(volume);
  const writer = isDirty ? await replayForReal(volume, options) : new Writer(volume);
  if (hasOrphans(writer.volume)) await writer.run(processOrphans);
  return writer;
}

/** The file system as it will be after recovery; nothing is written. */
export async function replayInMemory(volume: Volume, options: FsOpenOptions): Promise<Volume> {
  const journal = await Journal.open(volume);
  if (journal === undefined) return volume;
  const contents = await journal.scan(volume.warn, false);
  const records = await fastCommits(journal, contents);
  if (contents.copies.size === 0 && records.length === 0) return volume;
  const overlay = new JournalOverlay(volume.store.device, volume.geometry.blockSize, contents.copies, journal.read);
  const view = await openVolume(overlay, options);
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
