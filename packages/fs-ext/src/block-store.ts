import { CachedDevice } from '@vmcraft/core/block';
import { type BlockDevice, isPeekable, type Peekable } from '@vmcraft/core/contracts';
import { CorruptImageError, InternalError } from '@vmcraft/core/errors';

/** Changes a block's bytes just before they go to the device: its checksum. */
export type Seal = (data: Uint8Array) => void;

interface DirtyBlock {
  readonly data: Uint8Array;
  seal: Seal | undefined;
  /** Sealed after all others, whose seals change it. */
  late: boolean;
}

/** State of a changed block before the present operation first touched it. */
interface Before {
  readonly dirty: DirtyBlock;
  /** Its bytes then, unless they have not changed since. */
  readonly copy: Uint8Array | undefined;
  readonly seal: Seal | undefined;
}

/** Dirty blocks written to the device in one call, bytes. */
const MAX_RUN = 1024 * 1024;
/** Spare buffers kept between operations. */
const MAX_SPARE = 32;
/** Remembered verifications; forgotten all at once past this. */
const MAX_VERIFIED = 200_000;

/**
 * Metadata blocks of a file system: clean ones come from the device's page cache, changed ones are held here until `flush`.
 *
 * Changes belong to an operation (`begin` … `commit` or `rollback`), so a failing operation leaves nothing behind. Blocks are sealed
 * (checksummed) when they are flushed, not at each change.
 */
export class BlockStore {
  readonly device: BlockDevice & Peekable;
  readonly #dirty = new Map<number, DirtyBlock>();
  readonly #verified = new Map<number, number>();
  #before: Map<number, Before | undefined> | undefined;
  /** Buffers for copies of blocks before a change, used again and again. */
  readonly #spare: Uint8Array[] = [];

  constructor(
    device: BlockDevice,
    readonly blockSize: number,
  ) {
    this.device = isPeekable(device) ? device : new CachedDevice(device);
  }

  /** The block's bytes if they are in memory. Not to be changed, and only good until the next change of the block. */
  peek(block: number): Uint8Array | undefined {
    const dirty = this.#dirty.get(block);
    return dirty === undefined ? this.device.peek(block * this.blockSize, this.blockSize) : dirty.data;
  }

  /** The block's bytes. Not to be changed. @throws TruncatedImageError past the device's end */
  async read(block: number): Promise<Uint8Array> {
    const { blockSize } = this;
    const data = this.peek(block) ?? (await this.device.read(block * blockSize, blockSize));
    // A change may have come in while the device was read.
    return this.#dirty.get(block)?.data ?? data;
  }

  /** Whether the block has changes that are not on the device, so that its checksum may be out of date. */
  isDirty(block: number): boolean {
    return this.#dirty.has(block);
  }

  /** Number of changed blocks held. */
  get dirtyCount(): number {
    return this.#dirty.size;
  }

  /** Whether the block was found good as `key` before, or is being changed here. */
  isVerified(block: number, key: number): boolean {
    return this.#verified.get(block) === key || this.#dirty.has(block);
  }

  /** Remember that a block's checksum is good. */
  setVerified(block: number, key: number): void {
    if (this.#verified.size >= MAX_VERIFIED) this.#verified.clear();
    this.#verified.set(block, key);
  }

  /** Start an operation. */
  begin(): void {
    if (this.#before !== undefined) throw new InternalError('an operation began within another');
    this.#before = new Map();
  }

  /** End an operation, keeping its changes. */
  commit(): void {
    for (const before of this.#before?.values() ?? []) {
      if (before?.copy !== undefined && this.#spare.length < MAX_SPARE) this.#spare.push(before.copy);
    }
    this.#before = undefined;
  }

  /** End an operation, undoing its changes in memory. Blocks sealed by `flush` meanwhile cannot be, but none is within an operation. */
  rollback(): void {
    for (const [block, before] of this.#before ?? []) {
      if (before === undefined) {
        this.#dirty.delete(block);
        continue;
      }
      // In place, as seals of other blocks may hold on to these bytes.
      if (before.copy !== undefined) before.dirty.data.set(before.copy);
      before.dirty.seal = before.seal;
      this.#dirty.set(block, before.dirty);
    }
    this.#verified.clear();
    this.#before = undefined;
  }

  /**
   * The block's bytes to change in place. `seal` brings its checksum up to date later; the last one given counts.
   * @param late seal it after all others, as their seals change it (group descriptors)
   */
  async modify(block: number, seal?: Seal, late = false): Promise<Uint8Array> {
    const dirty = this.#dirty.get(block);
    if (dirty !== undefined) return this.#touch(block, dirty, seal);
    const data = await this.read(block);
    return this.#add(block, data.slice(), seal, late);
  }

  /** A zeroed buffer for a block whose old contents do not matter. */
  fresh(block: number, seal?: Seal): Uint8Array {
    const dirty = this.#dirty.get(block);
    if (dirty !== undefined) {
      dirty.seal = undefined;
      return this.#touch(block, dirty, seal).fill(0);
    }
    return this.#add(block, new Uint8Array(this.blockSize), seal);
  }

  /** The block is free now: changes to it must not reach the device. */
  forget(block: number): void {
    this.#verified.delete(block);
    const dirty = this.#dirty.get(block);
    if (dirty === undefined) return;
    if (this.#before !== undefined && !this.#before.has(block)) {
      this.#before.set(block, { dirty, copy: undefined, seal: dirty.seal });
    }
    this.#dirty.delete(block);
  }

  #touch(block: number, dirty: DirtyBlock, seal: Seal | undefined): Uint8Array {
    this.#operation();
    if (!this.#before!.has(block))
      this.#before!.set(block, { dirty, copy: this.#copyOf(dirty.data), seal: dirty.seal });
    if (seal !== undefined) dirty.seal = seal;
    return dirty.data;
  }

  #add(block: number, data: Uint8Array, seal: Seal | undefined, late = false): Uint8Array {
    this.#operation();
    if (!this.#before!.has(block)) this.#before!.set(block, undefined);
    this.#dirty.set(block, { data, seal, late });
    return data;
  }

  #copyOf(data: Uint8Array): Uint8Array {
    const copy = this.#spare.pop() ?? new Uint8Array(this.blockSize);
    copy.set(data);
    return copy;
  }

  #operation(): void {
    if (this.#before === undefined) throw new InternalError('a block changed outside an operation');
  }

  /** Forget many freed blocks. */
  forgetRange(block: number, count: number): void {
    if (count < this.#dirty.size) {
      for (let i = 0; i < count; i++) this.forget(block + i);
      return;
    }
    for (const dirty of [...this.#dirty.keys()]) if (dirty >= block && dirty < block + count) this.forget(dirty);
    if (this.#verified.size > 0)
      for (let i = 0; i < Math.min(count, MAX_VERIFIED); i++) this.#verified.delete(block + i);
  }

  /** Seal all changed blocks and write them, in runs of neighbours. */
  async flush(): Promise<void> {
    if (this.#dirty.size === 0) return;
    for (const dirty of this.#dirty.values()) if (!dirty.late) dirty.seal?.(dirty.data);
    for (const dirty of this.#dirty.values()) if (dirty.late) dirty.seal?.(dirty.data);
    const blocks = [...this.#dirty.keys()].sort((a, b) => a - b);
    const most = Math.max(1, Math.floor(MAX_RUN / this.blockSize));
    for (let i = 0; i < blocks.length; ) {
      let end = i + 1;
      while (end < blocks.length && end - i < most && blocks[end] === blocks[end - 1]! + 1) end++;
      await this.#writeRun(blocks.slice(i, end));
      i = end;
    }
    this.#dirty.clear();
  }

  async #writeRun(blocks: readonly number[]): Promise<void> {
    const { blockSize } = this;
    if (blocks.length === 1) {
      await this.device.write(blocks[0]! * blockSize, this.#dirty.get(blocks[0]!)!.data);
      return;
    }
    const run = new Uint8Array(blocks.length * blockSize);
    for (const [k, block] of blocks.entries()) run.set(this.#dirty.get(block)!.data, k * blockSize);
    await this.device.write(blocks[0]! * blockSize, run);
  }
}

/** A pointer of the image must lead to a block of the file system. @throws CorruptImageError */
export function checkBlockNumber(block: number, count: number, structure: string, field: string): number {
  if (block > 0 && block < count) return block;
  throw new CorruptImageError({ structure, field, found: block, reason: `block ${block} of ${count}` });
}
