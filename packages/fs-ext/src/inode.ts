import {
  type FsStat,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type Timestamp,
} from '@vmcraft/core/contracts';
import { FL, I_BLOCK_OFFSET, I_BLOCK_SIZE, INODE_SIZE_GOOD_OLD, inodeLayout } from './layout.js';

const at = (field: Parameters<typeof inodeLayout.offsetOf>[0]): number => inodeLayout.offsetOf(field);
const MODE = at('mode');
const UID_LO = at('uidLo');
const SIZE_LO = at('sizeLo');
const DTIME = at('dtime');
const GID_LO = at('gidLo');
const LINKS = at('links');
const BLOCKS_LO = at('blocksLo');
const FLAGS = at('flags');
const GENERATION = at('generation');
const ACL_LO = at('fileAclLo');
const SIZE_HI = at('sizeHi');
const BLOCKS_HI = at('blocksHi');
const ACL_HI = at('fileAclHi');
const UID_HI = at('uidHi');
const GID_HI = at('gidHi');
const EXTRA_SIZE = at('extraSize');
const PROJECT = at('projectId');
const TIMES = {
  atime: [at('atime'), at('atimeExtra')],
  ctime: [at('ctime'), at('ctimeExtra')],
  mtime: [at('mtime'), at('mtimeExtra')],
} as const;
const CRTIME = at('crtime');
const CRTIME_EXTRA = at('crtimeExtra');

const TWO32 = 0x100000000;
const NSEC_MAX = 999_999_999;
/** Seconds the widest time field reaches: two epoch bits above a signed 32-bit count ("Inode Timestamps"). */
const TIME_MIN = -0x80000000;
const TIME_MAX = 0x37fffffff;

/** What of the superblock changes how an inode is read. */
export interface InodeRules {
  /** huge_file: `i_blocks` has 48 bits. */
  readonly hugeFile: boolean;
  /** large_dir: directories have 64-bit sizes. */
  readonly largeDir: boolean;
  /** The Linux meaning of the operating-system fields; Hurd's has no upper halves of blocks and attribute block. */
  readonly linux: boolean;
  /** 64bit: attribute blocks lie above 2^32. */
  readonly wide: boolean;
  readonly blockSize: number;
}

/** One inode over its raw bytes. Setters change the bytes it was made over. */
export class Inode {
  readonly view: DataView;

  constructor(
    readonly ino: number,
    /** Exactly the inode's record. */
    readonly raw: Uint8Array,
    readonly rules: InodeRules,
  ) {
    this.view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  }

  get mode(): number {
    return this.view.getUint16(MODE, true);
  }
  set mode(mode: number) {
    this.view.setUint16(MODE, mode, true);
  }
  get type(): number {
    return this.mode & S_IFMT;
  }
  get isDirectory(): boolean {
    return this.type === S_IFDIR;
  }
  get isRegular(): boolean {
    return this.type === S_IFREG;
  }
  get isSymlink(): boolean {
    return this.type === S_IFLNK;
  }
  get uid(): number {
    return this.view.getUint16(UID_LO, true) + this.view.getUint16(UID_HI, true) * 0x10000;
  }
  set uid(uid: number) {
    this.view.setUint16(UID_LO, uid & 0xffff, true);
    this.view.setUint16(UID_HI, uid >>> 16, true);
  }
  get gid(): number {
    return this.view.getUint16(GID_LO, true) + this.view.getUint16(GID_HI, true) * 0x10000;
  }
  set gid(gid: number) {
    this.view.setUint16(GID_LO, gid & 0xffff, true);
    this.view.setUint16(GID_HI, gid >>> 16, true);
  }
  get links(): number {
    return this.view.getUint16(LINKS, true);
  }
  set links(links: number) {
    this.view.setUint16(LINKS, links, true);
  }
  get flags(): number {
    return this.view.getUint32(FLAGS, true);
  }
  set flags(flags: number) {
    this.view.setUint32(FLAGS, flags >>> 0, true);
  }
  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }
  get generation(): number {
    return this.view.getUint32(GENERATION, true);
  }
  set generation(generation: number) {
    this.view.setUint32(GENERATION, generation >>> 0, true);
  }
  /** Deletion time in seconds, or the next inode of the orphan list. */
  get dtime(): number {
    return this.view.getUint32(DTIME, true);
  }
  set dtime(value: number) {
    this.view.setUint32(DTIME, value >>> 0, true);
  }

  private get wideSize(): boolean {
    return this.isRegular || (this.isDirectory && this.rules.largeDir);
  }
  /** Bytes. May be beyond 2^53 in a corrupt inode. */
  get size(): number {
    const lo = this.view.getUint32(SIZE_LO, true);
    return this.wideSize ? lo + this.view.getUint32(SIZE_HI, true) * TWO32 : lo;
  }
  set size(size: number) {
    this.view.setUint32(SIZE_LO, size >>> 0, true);
    if (this.wideSize) this.view.setUint32(SIZE_HI, Math.floor(size / TWO32), true);
  }

  /** Allocated space in 512-byte units. */
  get blocks(): number {
    const lo = this.view.getUint32(BLOCKS_LO, true);
    if (!this.rules.hugeFile || !this.rules.linux) return lo;
    const count = lo + this.view.getUint16(BLOCKS_HI, true) * TWO32;
    return this.has(FL.HUGE_FILE) ? count * (this.rules.blockSize / 512) : count;
  }
  set blocks(count: number) {
    const { hugeFile, linux, blockSize } = this.rules;
    const scale = hugeFile && linux && count >= 2 ** 48 ? blockSize / 512 : 1;
    if (scale > 1) this.flags |= FL.HUGE_FILE;
    else this.flags &= ~FL.HUGE_FILE;
    const units = count / scale;
    this.view.setUint32(BLOCKS_LO, units >>> 0, true);
    if (hugeFile && linux) this.view.setUint16(BLOCKS_HI, Math.floor(units / TWO32), true);
  }

  /** Block of extended attributes, or 0. */
  get attributeBlock(): number {
    const hi = this.rules.linux && this.rules.wide ? this.view.getUint16(ACL_HI, true) : 0;
    return this.view.getUint32(ACL_LO, true) + hi * TWO32;
  }
  set attributeBlock(block: number) {
    this.view.setUint32(ACL_LO, block >>> 0, true);
    if (this.rules.linux && this.rules.wide) this.view.setUint16(ACL_HI, Math.floor(block / TWO32), true);
  }

  /** The 60 bytes of `i_block`, to read or change. */
  get block(): Uint8Array {
    return this.raw.subarray(I_BLOCK_OFFSET, I_BLOCK_OFFSET + I_BLOCK_SIZE);
  }

  /** Bytes of the extra part in use; 0 in 128-byte inodes. */
  get extraSize(): number {
    return this.raw.length > INODE_SIZE_GOOD_OLD ? this.view.getUint16(EXTRA_SIZE, true) : 0;
  }
  set extraSize(size: number) {
    this.view.setUint16(EXTRA_SIZE, size, true);
  }
  /** Whether a field of `length` bytes at `offset` is in use. */
  fits(offset: number, length: number): boolean {
    return offset + length <= INODE_SIZE_GOOD_OLD + this.extraSize && offset + length <= this.raw.length;
  }

  get projectId(): number {
    return this.fits(PROJECT, 4) ? this.view.getUint32(PROJECT, true) : 0;
  }
  set projectId(id: number) {
    if (this.fits(PROJECT, 4)) this.view.setUint32(PROJECT, id >>> 0, true);
  }

  time(which: 'atime' | 'ctime' | 'mtime'): Timestamp {
    const [lo, extra] = TIMES[which];
    return this.timeAt(lo, extra);
  }
  setTime(which: 'atime' | 'ctime' | 'mtime', time: Timestamp): void {
    const [lo, extra] = TIMES[which];
    this.setTimeAt(lo, extra, time);
  }
  get crtime(): Timestamp | undefined {
    return this.fits(CRTIME, 4) ? this.timeAt(CRTIME, CRTIME_EXTRA) : undefined;
  }
  set crtime(time: Timestamp) {
    if (this.fits(CRTIME, 4)) this.setTimeAt(CRTIME, CRTIME_EXTRA, time);
  }

  private timeAt(lo: number, extra: number): Timestamp {
    const sec = this.view.getInt32(lo, true);
    if (!this.fits(extra, 4)) return { sec, nsec: 0 };
    const more = this.view.getUint32(extra, true);
    return { sec: sec + (more & 3) * TWO32, nsec: Math.min(more >>> 2, NSEC_MAX) };
  }
  private setTimeAt(lo: number, extra: number, time: Timestamp): void {
    if (!this.fits(extra, 4)) {
      this.view.setInt32(lo, Math.min(Math.max(time.sec, TIME_MIN), 0x7fffffff), true);
      return;
    }
    const sec = Math.min(Math.max(time.sec, TIME_MIN), TIME_MAX);
    this.view.setInt32(lo, sec | 0, true);
    const epoch = Math.round((sec - (sec | 0)) / TWO32) & 3;
    this.view.setUint32(extra, ((time.nsec << 2) | epoch) >>> 0, true);
  }

  /** Device number, "Device nodes": the old 16-bit form, or the new one when that is zero. */
  get rdev(): { major: number; minor: number } {
    const old = this.view.getUint32(I_BLOCK_OFFSET, true);
    if (old !== 0) return { major: (old >>> 8) & 0xff, minor: old & 0xff };
    const dev = this.view.getUint32(I_BLOCK_OFFSET + 4, true);
    return { major: (dev >>> 8) & 0xfff, minor: (dev & 0xff) | ((dev >>> 12) & 0xfff00) };
  }
  set rdev({ major, minor }: { major: number; minor: number }) {
    const short = major < 256 && minor < 256;
    const long = (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
    this.view.setUint32(I_BLOCK_OFFSET, short ? (major << 8) | minor : 0, true);
    this.view.setUint32(I_BLOCK_OFFSET + 4, short ? 0 : long >>> 0, true);
  }

  /** What stat(2) gives. */
  stat(): FsStat {
    const mode = this.mode;
    const type = mode & S_IFMT;
    const stat: { -readonly [K in keyof FsStat]: FsStat[K] } = {
      ino: this.ino,
      mode,
      nlink: this.links,
      uid: this.uid,
      gid: this.gid,
      rdev: type === S_IFCHR || type === S_IFBLK ? this.rdev : NO_DEVICE,
      size: this.size,
      blocks: this.blocks,
      blockSize: this.rules.blockSize,
      atime: this.time('atime'),
      mtime: this.time('mtime'),
      ctime: this.time('ctime'),
    };
    const crtime = this.crtime;
    if (crtime !== undefined) stat.btime = crtime;
    return stat;
  }
}

const NO_DEVICE = Object.freeze({ major: 0, minor: 0 });
