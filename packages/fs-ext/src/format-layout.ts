import { viewOf } from '@vmcraft/core/binary';
import { S_IFDIR, S_IFREG } from '@vmcraft/core/contracts';
import { UsageError } from '@vmcraft/core/errors';
import { extentFile, indirectFile, type MappedFile } from './format-file.js';
import { directoryBlock, newInode, sealInode } from './format-inode.js';
import { QUOTA_FILE_SIZE, type QuotaKind, quotaFile } from './format-quota.js';
import type { FormatRequest } from './format-request.js';
import { FormatSpace } from './format-space.js';
import { placeTables, type TablePlaces, takeBaseBlocks } from './format-tables.js';
import { blocksInGroup, firstBlockOf, groupOfBlock } from './geometry.js';
import {
  COMPAT,
  FL,
  I_BLOCK_SIZE,
  INCOMPAT,
  INO_BAD_BLOCKS,
  INO_FIRST_GOOD_OLD,
  INO_GROUP_QUOTA,
  INO_JOURNAL,
  INO_RESIZE,
  INO_ROOT,
  INO_USER_QUOTA,
  inodeLayout,
  JOURNAL_BLOCK,
  JOURNAL_MAGIC,
  journalSuperblockLayout,
  MMP_MAGIC,
  MMP_SEQ_CLEAN,
  mmpLayout,
  ORPHAN_BLOCK_MAGIC,
  orphanTailLayout,
  RO_COMPAT,
} from './layout.js';
import { DIND_SLOT, resizeInodeBlocks } from './resize-inode.js';
import type { Superblock } from './superblock.js';

const MIN_BLOCKS_FOR_JOURNAL = 2048;
/** Journal size in blocks by blocks of the file system: below the first number, the second. */
const JOURNAL_SIZES: readonly (readonly [number, number])[] = [
  [32_768, 1024],
  [262_144, 4096],
  [524_288, 8192],
  [4_194_304, 16_384],
  [8_388_608, 32_768],
  [16_777_216, 65_536],
  [33_554_432, 131_072],
  [Number.POSITIVE_INFINITY, 262_144],
];
const LOST_FOUND_BYTES = 16 * 1024;
const LOST_FOUND_BLOCKS = 12;
/** With fast_commit, the journal gets this share of its blocks on top. */
const FAST_COMMIT_SHARE = 64;
const ORPHAN_MIN = 32;
const ORPHAN_MAX = 512;
const ORPHAN_SHARE = 4096;

/**
 * A whole new file system worked out in memory: which blocks are taken by what, and the bytes of those that are not zeros. Nothing is
 * written here, and nothing grows with the size of the device but the table of group places.
 */
export class FormatLayout {
  readonly space: FormatSpace;
  readonly places: readonly TablePlaces[];
  /** Blocks with contents other than zeros: block to bytes. */
  readonly blocks = new Map<number, Uint8Array>();
  /** Inodes to write. */
  readonly inodes = new Map<number, Uint8Array>();
  /** Runs that must read as zeros: first block and count. */
  readonly zeroRuns: { readonly start: number; readonly length: number; readonly journal?: boolean }[] = [];
  /** Groups that hold blocks of files. */
  readonly dataGroups = new Set<number>();
  #inodesUsed = INO_FIRST_GOOD_OLD;
  /** Bytes that root owns, for the quota files. */
  #ownedBytes = 0;

  constructor(
    readonly request: FormatRequest,
    readonly superblock: Superblock,
  ) {
    this.space = new FormatSpace(superblock.geometry);
    takeBaseBlocks(this.space);
    this.places = placeTables(this.space);
    const overhead = this.#usedClusters();
    this.#specialInodes();
    this.#root();
    this.#lostFound();
    if (superblock.has(COMPAT.RESIZE_INODE)) this.#resizeInode();
    const journal = superblock.has(COMPAT.HAS_JOURNAL) ? this.#journal() : 0;
    if (superblock.hasIncompat(INCOMPAT.MMP)) this.#mmp();
    if (superblock.hasRoCompat(RO_COMPAT.QUOTA)) this.#quota();
    if (superblock.has(COMPAT.ORPHAN_FILE)) this.#orphanFile();
    superblock.set({ overheadClusters: overhead + Math.ceil(journal / superblock.geometry.clusterRatio) });
  }

  /** Number of the last inode in use. */
  get inodesUsed(): number {
    return this.#inodesUsed;
  }

  #usedClusters(): number {
    const g = this.superblock.geometry;
    let used = 0;
    for (let group = 0; group < g.groupCount; group++) {
      used += Math.ceil(blocksInGroup(g, group) / g.clusterRatio) - this.space.freeClusters(group);
    }
    return used + (g.clusterRatio === 1 ? g.firstDataBlock : 0);
  }

  #specialInodes(): void {
    const { superblock, request } = this;
    for (let ino = INO_BAD_BLOCKS; ino < INO_FIRST_GOOD_OLD; ino++) {
      const raw = new Uint8Array(superblock.geometry.inodeSize);
      if (ino === INO_BAD_BLOCKS) {
        const time = request.now >>> 0;
        const view = viewOf(raw);
        for (const field of ['atime', 'ctime', 'mtime'] as const)
          view.setUint32(inodeLayout.offsetOf(field), time, true);
      }
      this.#addInode(ino, raw);
    }
  }

  #addInode(ino: number, raw: Uint8Array): void {
    sealInode(this.superblock.checksum, ino, raw);
    this.inodes.set(ino, raw);
  }

  /** Take `count` blocks for a file of inode `ino`. */
  #map(ino: number, count: number, goal = this.superblock.geometry.firstDataBlock): MappedFile {
    const { checksum } = this.superblock;
    const extents = this.superblock.hasIncompat(INCOMPAT.EXTENTS);
    const file = extents
      ? extentFile(this.space, count, goal, (block) => {
          // `struct ext4_extent_tail` follows the last slot that fits: header and slots have 12 bytes each, the tail 4.
          const tail = block.length - (block.length % 12 === 0 ? 0 : block.length % 12);
          if (checksum.metadata)
            viewOf(block).setUint32(tail, checksum.ofInode(checksum.inodeSeed(ino, 0), block, tail), true);
        })
      : indirectFile(this.space, count, this.superblock.geometry.firstDataBlock);
    for (const run of file.runs) this.#markData(run.start, run.length);
    for (const [block, data] of file.mapBlocks) {
      this.#markData(block, 1);
      this.blocks.set(block, data);
    }
    return file;
  }

  #markData(start: number, length: number): void {
    const g = this.superblock.geometry;
    for (let group = groupOfBlock(g, start); group <= groupOfBlock(g, start + length - 1); group++)
      this.dataGroups.add(group);
  }

  #addFile(ino: number, file: MappedFile, spec: { mode: number; links: number; size: number; flags?: number }): void {
    const extents = this.superblock.hasIncompat(INCOMPAT.EXTENTS) ? FL.EXTENTS : 0;
    const g = this.superblock.geometry;
    const raw = newInode(
      g,
      { ...spec, taken: file.taken, flags: (spec.flags ?? 0) | extents, map: file.map },
      this.request.now,
    );
    this.#addInode(ino, raw);
  }

  #root(): void {
    const { geometry: g, checksum } = this.superblock;
    const file = this.#map(INO_ROOT, 1);
    const names = [
      { ino: INO_ROOT, name: '.' },
      { ino: INO_ROOT, name: '..' },
      { ino: INO_FIRST_GOOD_OLD, name: 'lost+found' },
    ];
    this.blocks.set(file.runs[0]!.start, directoryBlock(g, checksum, INO_ROOT, names, this.#filetype));
    this.#addFile(INO_ROOT, file, { mode: S_IFDIR | 0o755, links: 3, size: g.blockSize });
    this.#ownedBytes += file.taken * g.blockSize;
  }

  get #filetype(): boolean {
    return this.superblock.hasIncompat(INCOMPAT.FILETYPE);
  }

  /** Room for 16 KiB of names, so that e2fsck need not allocate when it must reconnect files. */
  #lostFound(): void {
    const { geometry: g, checksum } = this.superblock;
    const inline = this.superblock.hasIncompat(INCOMPAT.INLINE_DATA) ? 1 : 0;
    const count = Math.max(2, Math.min(LOST_FOUND_BLOCKS, Math.ceil(LOST_FOUND_BYTES / g.blockSize)) - inline);
    const ino = INO_FIRST_GOOD_OLD;
    const file = this.#map(ino, count);
    let index = 0;
    for (const run of file.runs) {
      for (let i = 0; i < run.length; i++, index++) {
        const names =
          index === 0
            ? [
                { ino, name: '.' },
                { ino: INO_ROOT, name: '..' },
              ]
            : [];
        this.blocks.set(run.start + i, directoryBlock(g, checksum, ino, names, this.#filetype));
      }
    }
    this.#addFile(ino, file, { mode: S_IFDIR | 0o700, links: 2, size: count * g.blockSize });
    this.#ownedBytes += file.taken * g.blockSize;
  }

  #resizeInode(): void {
    const { geometry: g } = this.superblock;
    const fanout = g.blockSize / 4;
    const dind = this.space.freeRun(g.firstDataBlock, 1);
    if (dind === undefined) throw new UsageError('no room for the resize inode', { argument: 'size' });
    this.space.take(dind.start, g.clusterRatio);
    this.#markData(dind.start, 1);
    const { table, copies, taken } = resizeInodeBlocks(g);
    for (const [block, list] of copies) this.blocks.set(block, list);
    this.blocks.set(dind.start, table);
    const map = new Uint8Array(I_BLOCK_SIZE);
    viewOf(map).setUint32(4 * DIND_SLOT, dind.start, true);
    const size = (fanout * fanout + fanout + 12) * g.blockSize;
    if (size >= 0x80000000)
      this.superblock.set({ featureRoCompat: this.superblock.get('featureRoCompat') | RO_COMPAT.LARGE_FILE });
    this.#addInode(
      INO_RESIZE,
      newInode(g, { mode: S_IFREG | 0o600, links: 1, size, taken, flags: 0, map }, this.request.now),
    );
  }

  /** Gives the number of blocks; 0 when the file system is too small for one. */
  #journal(): number {
    const { superblock, request } = this;
    const g = superblock.geometry;
    if (g.blocksCount < MIN_BLOCKS_FOR_JOURNAL) {
      superblock.set({ featureCompat: superblock.get('featureCompat') & ~COMPAT.HAS_JOURNAL });
      return 0;
    }
    const own = request.journalBlocks ?? JOURNAL_SIZES.find(([below]) => g.blocksCount < below)![1];
    const fast = superblock.has(COMPAT.FAST_COMMIT) ? Math.floor(own / FAST_COMMIT_SHARE) : 0;
    const count = own + fast;
    const file = this.#map(INO_JOURNAL, count, this.#journalGoal());
    const start = new Uint8Array(g.blockSize);
    journalSuperblockLayout.encodeInto(
      {
        magic: JOURNAL_MAGIC,
        blockType: JOURNAL_BLOCK.SUPERBLOCK_V2,
        blockSize: g.blockSize,
        maxLength: count,
        first: 1,
        sequence: 1,
        uuid: request.uuid,
        userCount: 1,
        fastCommitBlocks: fast,
      },
      start,
    );
    for (const run of file.runs) this.zeroRuns.push({ start: run.start, length: run.length, journal: true });
    this.blocks.set(file.runs[0]!.start, start);
    const size = count * g.blockSize;
    this.#addFile(INO_JOURNAL, file, { mode: S_IFREG | 0o600, links: 1, size });
    const words = Array.from({ length: I_BLOCK_SIZE / 4 }, (_, i) => viewOf(file.map).getUint32(4 * i, true));
    superblock.set({
      journalInode: INO_JOURNAL,
      journalBackupType: 1,
      journalBackup: [...words, Math.floor(size / 0x100000000), size >>> 0],
    });
    return count;
  }

  /** Near the middle of the device, in the emptiest group there; with flex_bg, behind the tables of the middle flex group. */
  #journalGoal(): number {
    const g = this.superblock.geometry;
    const middle = groupOfBlock(g, g.firstDataBlock + Math.floor((g.blocksCount - g.firstDataBlock) / 2));
    let best = Math.max(0, middle - 1);
    let last = middle + 1;
    if (g.groupsPerFlex > 1 && middle > g.groupsPerFlex) {
      best = middle - (middle % g.groupsPerFlex);
      while (best < g.groupCount - 1 && this.space.freeClusters(best) === 0) best += 1;
      last = best + 1;
    }
    for (let group = best + 1; group <= Math.min(last, g.groupCount - 1); group++) {
      if (this.space.freeClusters(group) > this.space.freeClusters(best)) best = group;
    }
    return firstBlockOf(g, best);
  }

  #mmp(): void {
    const { geometry: g, checksum } = this.superblock;
    const run = this.space.freeRun(g.firstDataBlock, 1);
    if (run === undefined) throw new UsageError('no room for the MMP block', { argument: 'size' });
    this.space.take(run.start, g.clusterRatio);
    this.#markData(run.start, 1);
    const block = new Uint8Array(g.blockSize);
    mmpLayout.encodeInto({ magic: MMP_MAGIC, sequence: MMP_SEQ_CLEAN, checkInterval: this.request.mmpInterval }, block);
    if (checksum.metadata) mmpLayout.encodeInto({ checksum: checksum.mmp(block) }, block);
    this.blocks.set(run.start, block);
    this.superblock.set({ mmpBlock: BigInt(run.start) });
  }

  /** A file of whole contents. */
  #store(ino: number, contents: Uint8Array, flags = 0): void {
    const g = this.superblock.geometry;
    const file = this.#map(ino, Math.ceil(contents.length / g.blockSize));
    for (const run of file.runs) {
      for (let i = 0; i < run.length; i++) {
        const block = new Uint8Array(g.blockSize);
        block.set(contents.subarray((run.logical + i) * g.blockSize, (run.logical + i + 1) * g.blockSize));
        this.blocks.set(run.start + i, block);
      }
    }
    this.#addFile(ino, file, { mode: S_IFREG | 0o600, links: 1, size: contents.length, flags });
  }

  #quota(): void {
    const kinds: [QuotaKind, number][] = [
      ['user', INO_USER_QUOTA],
      ['group', INO_GROUP_QUOTA],
    ];
    if (this.superblock.hasRoCompat(RO_COMPAT.PROJECT)) kinds.push(['project', ++this.#inodesUsed]);
    for (const [kind, ino] of kinds) {
      if (QUOTA_FILE_SIZE > 0) this.#store(ino, quotaFile(kind, 2, this.#ownedBytes), FL.IMMUTABLE);
    }
    const project = kinds[2]?.[1] ?? 0;
    this.superblock.set({
      userQuotaInode: INO_USER_QUOTA,
      groupQuotaInode: INO_GROUP_QUOTA,
      projectQuotaInode: project,
    });
  }

  #orphanFile(): void {
    const { geometry: g, checksum } = this.superblock;
    const ino = ++this.#inodesUsed;
    const count = Math.max(ORPHAN_MIN, Math.min(ORPHAN_MAX, Math.floor(g.blocksCount / ORPHAN_SHARE)));
    const file = this.#map(ino, count);
    const seed = checksum.inodeSeed(ino, 0);
    const tail = g.blockSize - orphanTailLayout.size;
    for (const run of file.runs) {
      for (let i = 0; i < run.length; i++) {
        const block = new Uint8Array(g.blockSize);
        const sum = checksum.metadata ? checksum.orphanBlock(seed, run.start + i, block, tail) : 0;
        orphanTailLayout.encodeInto({ magic: ORPHAN_BLOCK_MAGIC, checksum: sum }, block, tail);
        this.blocks.set(run.start + i, block);
      }
    }
    this.#addFile(ino, file, { mode: S_IFREG | 0o600, links: 1, size: count * g.blockSize });
    this.superblock.set({ orphanFileInode: ino });
  }
}
