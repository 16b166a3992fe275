import { isZero } from '@vmcraft/core/binary';
import type { IoOptions } from '@vmcraft/core/contracts';
import { FsError } from '@vmcraft/core/errors';
import { type Mapping, mapBlocks } from './block-map.js';
import { BlockMapEditor } from './block-map-edit.js';
import type { Change } from './change.js';
import { tryWriteInline, unpackInline } from './inline-write.js';
import type { Inode } from './inode.js';
import { FL, RO_COMPAT } from './layout.js';

/** Runs shorter than this are padded to whole blocks in one buffer and written at once. */
const SMALL = 65536;
/** Size past which large_file must be set. */
const LARGE_FILE = 0x7fffffff;

/** Writes and reshapes the contents of one file. The inode must be one to change. */
export class FileWriter {
  private readonly blockSize: number;

  constructor(
    private readonly change: Change,
    private readonly inode: Inode,
  ) {
    this.blockSize = change.volume.geometry.blockSize;
  }

  /** Write `data` at byte `offset`, allocating what is missing. @throws FsError ENOSPC, EFBIG */
  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    if (data.length === 0) return;
    if (this.inode.has(FL.INLINE_DATA)) {
      if (await tryWriteInline(this.change, this.inode, offset, data)) return;
      await unpackInline(this.change, this.inode);
    }
    const map = new BlockMapEditor(this.change, this.inode);
    const end = offset + data.length;
    if (Math.ceil(end / this.blockSize) > map.maxBlocks) throw new FsError('EFBIG', { operation: 'write' });
    if (offset > this.inode.size) await this.#zeroTail(this.inode.size);
    const last = Math.floor((end - 1) / this.blockSize);
    let goal: number | undefined;
    for (let logical = Math.floor(offset / this.blockSize); logical <= last; ) {
      options?.signal?.throwIfAborted();
      let run: Mapping = await mapBlocks(this.change.volume, this.inode, logical, last - logical + 1);
      let fresh = run.unwritten;
      if (run.physical === 0) {
        goal ??= await map.goalFor(logical);
        run = await map.fill(logical, run.length, goal, false);
        fresh = true;
      }
      const from = Math.max(offset, logical * this.blockSize);
      const to = Math.min(end, (logical + run.length) * this.blockSize);
      await this.#put(run.physical, logical, from, data.subarray(from - offset, to - offset), fresh, options);
      if (run.unwritten) await map.markWritten(logical, logical + run.length);
      logical += run.length;
      goal = run.physical + run.length;
    }
    if (end > this.inode.size) this.setSize(end);
  }

  /** Put bytes into blocks that begin with `physical`; new ones are filled up with zeros. */
  async #put(
    physical: number,
    logical: number,
    from: number,
    data: Uint8Array,
    fresh: boolean,
    options?: IoOptions,
  ): Promise<void> {
    const { device } = this.change.volume.store;
    const { blockSize } = this;
    const within = from - logical * blockSize;
    const at = physical * blockSize + within;
    const rest = (within + data.length) % blockSize;
    const after = rest === 0 ? 0 : blockSize - rest;
    if (!fresh || (within === 0 && after === 0)) return device.write(at, data, options);
    if (data.length <= SMALL) {
      const whole = new Uint8Array(within + data.length + after);
      whole.set(data, within);
      return device.write(at - within, whole, options);
    }
    if (within > 0) await device.write(at - within, new Uint8Array(within));
    await device.write(at, data, options);
    if (after > 0) await device.write(at + data.length, new Uint8Array(after));
  }

  /** Zero the rest of the block in which the file ends, as far as it is not. */
  async #zeroTail(size: number): Promise<void> {
    const within = size % this.blockSize;
    if (within === 0) return;
    await this.#zeroBytes(Math.floor(size / this.blockSize), within, this.blockSize);
  }

  /** Zero bytes [from, to) of one block, if it has written contents. */
  async #zeroBytes(logical: number, from: number, to: number): Promise<void> {
    if (to <= from) return;
    const run = await mapBlocks(this.change.volume, this.inode, logical, 1);
    if (run.physical === 0 || run.unwritten) return;
    const { device } = this.change.volume.store;
    const at = run.physical * this.blockSize + from;
    if (isZero(await device.read(at, to - from))) return;
    await device.write(at, new Uint8Array(to - from));
  }

  /** Set the size; blocks past a smaller one are freed, a greater one leaves a hole. @throws FsError EFBIG */
  async truncate(size: number): Promise<void> {
    const old = this.inode.size;
    if (this.inode.has(FL.INLINE_DATA)) {
      if (await tryWriteInline(this.change, this.inode, size, new Uint8Array(0), size)) return;
      await unpackInline(this.change, this.inode);
    }
    const map = new BlockMapEditor(this.change, this.inode);
    const blocks = Math.ceil(size / this.blockSize);
    if (blocks > map.maxBlocks) throw new FsError('EFBIG', { operation: 'truncate' });
    if (size <= old) {
      await map.release(blocks, map.maxBlocks);
      await this.#zeroTail(size);
    } else await this.#zeroTail(old);
    this.setSize(size);
  }

  /** Free whole blocks of a range and zero the rest of it. The size stays. */
  async punch(offset: number, length: number): Promise<void> {
    const end = Math.min(offset + length, Math.ceil(this.inode.size / this.blockSize) * this.blockSize);
    if (end <= offset) return;
    if (this.inode.has(FL.INLINE_DATA)) await unpackInline(this.change, this.inode);
    const first = Math.ceil(offset / this.blockSize);
    const last = Math.floor(end / this.blockSize);
    if (first > last) {
      const logical = Math.floor(offset / this.blockSize);
      return this.#zeroBytes(logical, offset - logical * this.blockSize, end - logical * this.blockSize);
    }
    await this.#zeroBytes(first - 1, offset - (first - 1) * this.blockSize, this.blockSize);
    await this.#zeroBytes(last, 0, end - last * this.blockSize);
    await new BlockMapEditor(this.change, this.inode).release(first, last);
  }

  /** Allocate unwritten blocks for the holes of a range and grow the file to its end. @throws FsError ENOTSUP, ENOSPC, EFBIG */
  async allocate(offset: number, length: number): Promise<void> {
    if (this.inode.has(FL.INLINE_DATA)) await unpackInline(this.change, this.inode);
    if (!this.inode.has(FL.EXTENTS)) {
      throw new FsError('ENOTSUP', { operation: 'allocate', reason: 'the file has no extents' });
    }
    const map = new BlockMapEditor(this.change, this.inode);
    const end = offset + length;
    const last = Math.ceil(end / this.blockSize);
    if (last > map.maxBlocks) throw new FsError('EFBIG', { operation: 'allocate' });
    let goal: number | undefined;
    for (let logical = Math.floor(offset / this.blockSize); logical < last; ) {
      let run: Mapping = await mapBlocks(this.change.volume, this.inode, logical, last - logical);
      if (run.physical === 0) {
        goal ??= await map.goalFor(logical);
        run = await map.fill(logical, run.length, goal, true);
      }
      logical += run.length;
      goal = run.physical + run.length;
    }
    if (end <= this.inode.size) return;
    await this.#zeroTail(this.inode.size);
    this.setSize(end);
  }

  /** Set the size field, and the feature that large sizes need. */
  setSize(size: number): void {
    const { superblock } = this.change.volume;
    if (size > LARGE_FILE && !superblock.hasRoCompat(RO_COMPAT.LARGE_FILE)) {
      superblock.set({ featureRoCompat: (superblock.get('featureRoCompat') | RO_COMPAT.LARGE_FILE) >>> 0 });
    }
    this.inode.size = size;
  }
}
