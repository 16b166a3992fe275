import type { WarningSink } from '@vmcraft/core/contracts';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { mapBlocks } from './block-map.js';
import type { BlockStore } from './block-store.js';
import type { Inode } from './inode.js';
import { type JournalContents, JournalScan, unescapeBlock } from './journal-scan.js';
import { type JournalGeometry, journalSuperblockChecksum, parseJournalSuperblock } from './journal-superblock.js';
import { COMPAT, journalSuperblockLayout, SUPERBLOCK_SIZE } from './layout.js';
import type { Volume } from './volume.js';

/** Longest journal that is looked at, blocks. */
const MAX_JOURNAL_BLOCKS = 10_240_000;

interface Run {
  readonly logical: number;
  readonly physical: number;
  readonly length: number;
}

/** The journal in a file of the file system. */
export class Journal {
  private constructor(
    private readonly store: BlockStore,
    private readonly runs: readonly Run[],
    readonly geometry: JournalGeometry,
  ) {}

  /**
   * Find and parse the journal; undefined when the file system has none.
   * @throws UnsupportedFeatureError when it lies on another device
   * @throws CorruptImageError
   */
  static async open(volume: Volume): Promise<Journal | undefined> {
    const { superblock, geometry } = volume;
    if (!superblock.has(COMPAT.HAS_JOURNAL)) return undefined;
    const { journalInode, journalDevice } = superblock.fields;
    if (journalInode === 0) {
      if (journalDevice === 0) return undefined;
      throw new UnsupportedFeatureError({
        feature: 'recovery from a journal on another device',
        structure: 'ext4',
        workaround: 'run e2fsck with both devices first',
      });
    }
    const inode = await volume.inodes.read(journalInode);
    const runs = await journalRuns(volume, inode);
    const blocks = runs.reduce((sum, run) => sum + run.length, 0);
    const first = runs[0];
    if (first === undefined) throw holes(0);
    const raw = await volume.store.read(first.physical);
    const parsed = parseJournalSuperblock(raw.subarray(0, SUPERBLOCK_SIZE), geometry.blockSize, blocks);
    return new Journal(volume.store, runs, parsed);
  }

  /** Block of the device that holds a block of the journal. */
  physical(block: number): number {
    let lo = 0;
    let hi = this.runs.length - 1;
    while (lo < hi) {
      const mid = (lo + hi + 1) >> 1;
      if (this.runs[mid]!.logical <= block) lo = mid;
      else hi = mid - 1;
    }
    const run = this.runs[lo]!;
    if (block >= run.logical + run.length) throw holes(block);
    return run.physical + (block - run.logical);
  }

  /** A block of the journal. */
  readonly read = async (block: number): Promise<Uint8Array> => this.store.read(this.physical(block));

  /** What the log holds. @param strict whether a broken committed transaction is an error */
  scan(warn: WarningSink, strict: boolean): Promise<JournalContents> {
    return new JournalScan(this.geometry, { read: this.read, warn, strict }).run();
  }

  /** Copy the newest blocks to their places and mark the log empty, on the device itself. */
  async replay(contents: JournalContents, blocksCount: number): Promise<void> {
    const { blockSize, device } = this.store;
    for (const [block, copy] of contents.copies) {
      if (block >= blocksCount) {
        const reason = `the journal has block ${block} of ${blocksCount}`;
        throw new CorruptImageError({ structure: 'journal_block_tag_s', field: 't_blocknr', reason });
      }
      await device.write(block * blockSize, unescapeBlock(copy, await this.read(copy.at)));
    }
    await device.flush();
    await this.markEmpty(contents.nextSequence + 1);
  }

  /** Write the superblock of an empty log whose next transaction has number `sequence`. */
  async markEmpty(sequence: number): Promise<void> {
    const at = this.physical(0);
    const raw = (await this.store.read(at)).slice(0, SUPERBLOCK_SIZE);
    journalSuperblockLayout.encodeInto({ start: 0, sequence: sequence >>> 0, errno: 0 }, raw);
    if (this.geometry.checksums !== 0) {
      journalSuperblockLayout.encodeInto({ checksum: journalSuperblockChecksum(raw) }, raw);
    }
    await this.store.device.write(at * this.store.blockSize, raw);
  }
}

function holes(block: number): CorruptImageError {
  return new CorruptImageError({ structure: 'journal', reason: `its file has no block ${block}` });
}

async function journalRuns(volume: Volume, inode: Inode): Promise<Run[]> {
  const blocks = Math.min(Math.floor(inode.size / volume.geometry.blockSize), MAX_JOURNAL_BLOCKS);
  const runs: Run[] = [];
  for (let at = 0; at < blocks; ) {
    const run = await mapBlocks(volume, inode, at, blocks - at);
    if (run.physical === 0 || run.unwritten) throw holes(at);
    runs.push({ logical: at, physical: run.physical, length: run.length });
    at += run.length;
  }
  return runs;
}
