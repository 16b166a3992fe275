import { alignDown, alignUp } from '../../binary/index.js';
import type { BlockExtent, HostFile, IoOptions } from '../../contracts/index.js';
import { RangeSet } from './range-set.js';
import { Spill } from './spill.js';

/** Unit of memory and of spilling, bytes. */
const CHUNK = 65536;
/** Unit of change, bytes: a write to a part of it first reads the rest from the file. */
const BLOCK = 4096;
const BLOCKS = CHUNK / BLOCK;
/** Chunks that leave memory at once, and buffers of them kept for the next ones. */
const MAX_SPARE = 16;
/** Mask of a chunk whose blocks are all changed. */
const ALL = 2 ** BLOCKS - 1;

/** What an overlay lies on: bytes that stay as they are until the commit. */
export interface OverlayBase {
  /** Bytes. */
  readonly size: number;
  /** Up to `length` bytes; shorter only at the end. */
  read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array>;
  extents(offset: number, length: number): AsyncIterable<BlockExtent>;
}

/** Memory that several overlays share, in bytes. */
export interface MemoryBudget {
  readonly limit: number;
  used: number;
}

interface Chunk {
  /** Undefined while it is only in the spill file. */
  data: Uint8Array | undefined;
  /** Bit i: block i holds changed bytes. */
  changed: number;
  slot: number | undefined;
}

/** A run of changed bytes; `zero` ones need no data. */
export interface ChangedRun {
  readonly offset: number;
  readonly length: number;
  readonly kind: 'data' | 'zero';
}

/**
 * Changes to a file that are not in it yet. In memory up to a budget, beyond it in a private temporary file.
 * Reads may run while something changes; changes run one after the other.
 */
export class Overlay {
  readonly #base: OverlayBase;
  readonly #budget: MemoryBudget;
  readonly #scratch: () => Promise<HostFile>;
  readonly #chunks = new Map<number, Chunk>();
  /** Chunks with their bytes in memory, oldest first. */
  readonly #resident = new Map<number, Chunk>();
  /** Indexes of chunks that became zeros as a whole. */
  readonly #zeroed = new RangeSet();
  readonly #spare: Uint8Array[] = [];
  #spill: Spill;
  #size: number;
  /** Bytes of the base from here on are void: the file was once cut to this size. */
  #baseLimit: number;
  #queue: Promise<unknown> = Promise.resolve();

  /** @param scratch makes the temporary file, when one is needed */
  constructor(base: OverlayBase, budget: MemoryBudget, scratch: () => Promise<HostFile>) {
    this.#base = base;
    this.#budget = budget;
    this.#scratch = scratch;
    this.#spill = new Spill(scratch, CHUNK);
    this.#size = base.size;
    this.#baseLimit = base.size;
  }

  /** Bytes, changes included. */
  get size(): number {
    return this.#size;
  }

  /** Size to which the base must be cut before changes are applied; its own size when it was never cut. */
  get baseLimit(): number {
    return this.#baseLimit;
  }

  get isDirty(): boolean {
    return this.#chunks.size > 0 || !this.#zeroed.isEmpty || this.#size !== this.#base.size || this.#wasCut;
  }

  get #wasCut(): boolean {
    return this.#baseLimit < this.#base.size;
  }

  /** Run `work` when no change is under way, and hold further ones until it is done. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  /** @param into memory of at least `length` bytes that the result may lie in */
  async read(offset: number, length: number, options?: IoOptions, into?: Uint8Array): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.#size);
    if (offset >= end) return new Uint8Array(0);
    if (end <= this.#baseLimit && !this.#touches(offset, end)) return this.#base.read(offset, end - offset, options);
    return (await this.#spilled(offset, end, into)) ?? this.#merge(offset, end, options, into);
  }

  /** Bytes that lie in the spill file in one piece: read at once, and not copied. Undefined when they do not. */
  async #spilled(offset: number, end: number, into?: Uint8Array): Promise<Uint8Array | undefined> {
    const first = Math.floor(offset / CHUNK);
    const slot = this.#chunks.get(first)?.slot;
    if (slot === undefined) return undefined;
    const chunks: Chunk[] = [];
    for (let index = first; index * CHUNK < end; index++) {
      const chunk = this.#chunks.get(index);
      if (chunk?.slot !== slot + chunks.length || chunk.data !== undefined || chunk.changed !== ALL) return undefined;
      chunks.push(chunk);
    }
    const data = await this.#spill.load(slot, offset - first * CHUNK, end - offset, into);
    // What was cut off or zeroed meanwhile may have given its slot to another chunk.
    return chunks.every((chunk, i) => chunk.slot === slot + i) ? data : undefined;
  }

  #touches(offset: number, end: number): boolean {
    if (this.#chunks.size === 0 && this.#zeroed.isEmpty) return false;
    for (let index = Math.floor(offset / CHUNK); index * CHUNK < end; index++) {
      if (this.#chunks.has(index) || this.#zeroed.has(index)) return true;
    }
    return false;
  }

  /** Copies what is in memory at once, so that the result is of one moment; then waits for the base and the spill file. */
  async #merge(offset: number, end: number, options?: IoOptions, into?: Uint8Array): Promise<Uint8Array> {
    const out = into?.subarray(0, end - offset).fill(0) ?? new Uint8Array(end - offset);
    const waits: Promise<void>[] = [];
    const gaps: [number, number][] = [];
    const limit = Math.min(end, this.#baseLimit);
    for (let at = offset; at < end; ) {
      const index = Math.floor(at / CHUNK);
      const stop = Math.min(end, (index + 1) * CHUNK);
      const chunk = this.#chunks.get(index);
      if (chunk !== undefined)
        this.#collect(chunk, index, at, stop, out.subarray(at - offset, stop - offset), waits, gaps);
      else if (!this.#zeroed.has(index)) gaps.push([at, stop]);
      at = stop;
    }
    const wanted = gaps.map(([from, to]) => [from, Math.min(to, limit)] as const).filter(([from, to]) => from < to);
    if (wanted.length > 0) waits.push(this.#fillGaps(wanted, offset, out, options));
    await Promise.all(waits);
    return out;
  }

  #collect(
    chunk: Chunk,
    index: number,
    at: number,
    stop: number,
    out: Uint8Array,
    waits: Promise<void>[],
    gaps: [number, number][],
  ): void {
    const start = index * CHUNK;
    const stored: [number, number][] = [];
    for (let from = at; from < stop; ) {
      const bit = Math.floor((from - start) / BLOCK);
      const to = Math.min(stop, start + (bit + 1) * BLOCK);
      if ((chunk.changed & (1 << bit)) === 0) gaps.push([from, to]);
      else if (chunk.data !== undefined) out.set(chunk.data.subarray(from - start, to - start), from - at);
      else if (stored.at(-1)?.[1] === from) stored.at(-1)![1] = to;
      else stored.push([from, to]);
      from = to;
    }
    if (stored.length > 0) waits.push(this.#fillStored(chunk, stored, start, at, out));
  }

  async #fillStored(chunk: Chunk, runs: [number, number][], start: number, at: number, out: Uint8Array): Promise<void> {
    const whole = runs.length === 1 ? out.subarray(runs[0]![0] - at, runs[0]![1] - at) : undefined;
    const first = runs[0]![0];
    const slot = chunk.slot!;
    const data = await this.#spill.load(slot, first - start, runs.at(-1)![1] - first, whole);
    // Cut off or zeroed meanwhile: the slot may belong to another chunk by now, and zeros are right.
    if (chunk.slot !== slot) {
      whole?.fill(0);
      return;
    }
    for (const [from, to] of runs) out.set(data.subarray(from - first, to - first), from - at);
  }

  async #fillGaps(
    gaps: readonly (readonly [number, number])[],
    offset: number,
    out: Uint8Array,
    options?: IoOptions,
  ): Promise<void> {
    const first = gaps[0]![0];
    const data = await this.#base.read(first, gaps.at(-1)![1] - first, options);
    for (const [from, to] of gaps) out.set(data.subarray(from - first, to - first), from - offset);
  }

  write(offset: number, data: Uint8Array): Promise<void> {
    return this.exclusive(async () => {
      await this.#store(offset, data);
      this.#size = Math.max(this.#size, offset + data.length);
    });
  }

  async #store(offset: number, data: Uint8Array): Promise<void> {
    for (let done = 0; done < data.length; ) {
      const index = Math.floor((offset + done) / CHUNK);
      const within = offset + done - index * CHUNK;
      const run = Math.min(CHUNK - within, data.length - done);
      await this.#storeIn(index, within, data.subarray(done, done + run));
      done += run;
      if (this.#budget.used > this.#budget.limit) await this.#relieve();
    }
  }

  async #storeIn(index: number, within: number, data: Uint8Array): Promise<void> {
    const first = Math.floor(within / BLOCK);
    const last = Math.floor((within + data.length - 1) / BLOCK);
    const chunk = await this.#chunkFor(index);
    const start = index * CHUNK;
    const edges = new Set<number>();
    if (within % BLOCK !== 0) edges.add(first);
    if ((within + data.length) % BLOCK !== 0) edges.add(last);
    try {
      for (const block of edges) {
        if ((chunk.changed & (1 << block)) !== 0) continue;
        const old = await this.#baseBytes(start + block * BLOCK, BLOCK);
        chunk.data!.fill(0, block * BLOCK, (block + 1) * BLOCK).set(old, block * BLOCK);
      }
    } catch (error) {
      if (!this.#chunks.has(index)) this.#leaveMemory(index, chunk);
      throw error;
    }
    chunk.data!.set(data, within);
    for (let block = first; block <= last; block++) chunk.changed |= 1 << block;
    // Only now is it seen by readers: a chunk without a changed block would be an empty change.
    this.#chunks.set(index, chunk);
  }

  /** The chunk with its bytes in memory; a new one is not yet on the list. */
  async #chunkFor(index: number): Promise<Chunk> {
    const known = this.#chunks.get(index);
    if (known?.data !== undefined) return known;
    const chunk: Chunk = known ?? { data: undefined, changed: this.#zeroed.has(index) ? ALL : 0, slot: undefined };
    const data = this.#spare.pop()?.fill(0) ?? new Uint8Array(CHUNK);
    if (known !== undefined) data.set(await this.#spill.load(known.slot!, 0, CHUNK));
    chunk.data = data;
    this.#resident.set(index, chunk);
    this.#budget.used += CHUNK;
    if (known === undefined && chunk.changed === ALL) {
      this.#chunks.set(index, chunk);
      this.#zeroed.remove(index, index + 1);
    }
    return chunk;
  }

  async #baseBytes(offset: number, length: number): Promise<Uint8Array> {
    const room = Math.min(length, this.#baseLimit - offset);
    return room > 0 ? this.#base.read(offset, room) : new Uint8Array(0);
  }

  /** Move the oldest chunks to the spill file until the budget is kept: several at once, as few calls as possible. */
  async #relieve(): Promise<void> {
    while (this.#budget.used > this.#budget.limit && this.#resident.size > 0) {
      const oldest: [number, Chunk][] = [];
      for (const entry of this.#resident) if (oldest.push(entry) === MAX_SPARE) break;
      const slots = await this.#spill.store(oldest.map(([, { slot, data }]) => ({ slot, data: data! })));
      for (const [i, [index, chunk]] of oldest.entries()) {
        const data = chunk.data!;
        chunk.slot = slots[i];
        this.#leaveMemory(index, chunk);
        // Readers copy what they take, so nobody holds on to it.
        if (this.#spare.length < MAX_SPARE) this.#spare.push(data);
      }
    }
  }

  #leaveMemory(index: number, chunk: Chunk): void {
    if (chunk.data === undefined) return;
    chunk.data = undefined;
    this.#resident.delete(index);
    this.#budget.used -= CHUNK;
  }

  #drop(index: number): void {
    const chunk = this.#chunks.get(index);
    if (chunk === undefined) return;
    this.#chunks.delete(index);
    this.#leaveMemory(index, chunk);
    if (chunk.slot !== undefined) this.#spill.release(chunk.slot);
    chunk.slot = undefined;
  }

  #dropFrom(first: number, end: number): void {
    if (end - first > this.#chunks.size) {
      for (const index of [...this.#chunks.keys()]) if (index >= first && index < end) this.#drop(index);
    } else {
      for (let index = first; index < end; index++) this.#drop(index);
    }
  }

  truncate(size: number): Promise<void> {
    return this.exclusive(async () => {
      if (size < this.#size) {
        const index = Math.floor(size / CHUNK);
        if (this.#chunks.has(index)) (await this.#chunkFor(index)).data!.fill(0, size - index * CHUNK);
        const after = Math.ceil(size / CHUNK);
        this.#dropFrom(after, Math.ceil(this.#size / CHUNK));
        this.#zeroed.remove(after, Number.MAX_SAFE_INTEGER);
        this.#baseLimit = Math.min(this.#baseLimit, size);
      }
      this.#size = size;
    });
  }

  punchHole(offset: number, length: number): Promise<void> {
    return this.exclusive(async () => {
      const end = Math.min(offset + length, this.#size);
      const first = alignUp(offset, CHUNK);
      const last = end === this.#size ? alignUp(end, CHUNK) : alignDown(end, CHUNK);
      if (first >= last) return this.#store(offset, new Uint8Array(Math.max(0, end - offset)));
      await this.#store(offset, new Uint8Array(first - offset));
      if (last < end) await this.#store(last, new Uint8Array(end - last));
      this.#dropFrom(first / CHUNK, last / CHUNK);
      this.#zeroed.add(first / CHUNK, last / CHUNK);
    });
  }

  /** The changed runs in order, in pieces of at most `piece` bytes of data. Must not run beside changes. */
  *changes(piece = Number.MAX_SAFE_INTEGER): Generator<ChangedRun> {
    for (const run of joined(this.#blocks())) {
      const end = Math.min(run.offset + run.length, this.#size);
      if (run.kind === 'zero') {
        if (run.offset < end) yield { ...run, length: end - run.offset };
        continue;
      }
      for (let at = run.offset; at < end; at += piece) {
        yield { offset: at, length: Math.min(piece, end - at), kind: 'data' };
      }
    }
  }

  *#blocks(): Generator<ChangedRun> {
    const zeroed = [...this.#zeroed.runs()];
    let z = 0;
    const zeroRun = ([from, to]: readonly [number, number]): ChangedRun => {
      return { offset: from * CHUNK, length: (to - from) * CHUNK, kind: 'zero' };
    };
    for (const index of Float64Array.from(this.#chunks.keys()).sort()) {
      while (z < zeroed.length && zeroed[z]![0] < index) yield zeroRun(zeroed[z++]!);
      const { changed } = this.#chunks.get(index)!;
      for (let block = 0; block < BLOCKS; block++) {
        if ((changed & (1 << block)) !== 0)
          yield { offset: index * CHUNK + block * BLOCK, length: BLOCK, kind: 'data' };
      }
    }
    while (z < zeroed.length) yield zeroRun(zeroed[z++]!);
  }

  /** Runs covering a range, as {@link HostFile.extents}. */
  async *extents(offset: number, length: number): AsyncGenerator<BlockExtent> {
    const end = offset + length;
    let at = offset;
    for (const run of [...this.changes()]) {
      const from = Math.max(run.offset, at);
      const to = Math.min(run.offset + run.length, end);
      if (from >= to) continue;
      yield* this.#baseExtents(at, from);
      yield { offset: from, length: to - from, kind: run.kind === 'zero' ? 'hole' : 'data' };
      at = to;
    }
    yield* this.#baseExtents(at, end);
  }

  async *#baseExtents(from: number, to: number): AsyncGenerator<BlockExtent> {
    const limit = Math.min(to, this.#baseLimit);
    if (from < limit) yield* this.#base.extents(from, limit - from);
    const rest = Math.max(from, limit);
    if (rest < to) yield { offset: rest, length: to - rest, kind: 'hole' };
  }

  /** Forget all changes: after they were applied to the base, or to roll back. */
  async clear(): Promise<void> {
    for (const [index, chunk] of this.#resident) this.#leaveMemory(index, chunk);
    this.#chunks.clear();
    this.#zeroed.clear();
    this.#size = this.#base.size;
    this.#baseLimit = this.#base.size;
    const spill = this.#spill;
    this.#spill = new Spill(this.#scratch, CHUNK);
    await spill.close();
  }
}

/** Neighbouring runs of one kind as one. */
function* joined(runs: Iterable<ChangedRun>): Generator<ChangedRun> {
  let last: ChangedRun | undefined;
  for (const run of runs) {
    if (last !== undefined && last.kind === run.kind && last.offset + last.length === run.offset) {
      last = { ...last, length: last.length + run.length };
      continue;
    }
    if (last !== undefined) yield last;
    last = run;
  }
  if (last !== undefined) yield last;
}
