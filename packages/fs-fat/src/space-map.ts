import { FIRST_CLUSTER } from './layout.js';

/** Consecutive clusters. */
export interface ClusterRun {
  readonly cluster: number;
  readonly count: number;
}

/** Where a {@link SpaceMap} learns what is in use, and who keeps it. */
export interface SpaceSource {
  /** Bit set = in use, for `count` clusters from `first`. */
  load(first: number, count: number): Promise<Uint8Array>;
  /** Record a change on the device's structures, where they have more than the table itself (exFAT's bitmap). */
  record(run: ClusterRun, used: boolean): Promise<void>;
}

/** Clusters of one window of the map: 8 KiB of bits. */
const WINDOW = 65536;

interface Window {
  readonly bits: Uint8Array;
  free: number;
}

/** Bits set in each byte. */
const POPULATION = Uint8Array.from({ length: 256 }, (_, i) => i.toString(2).replaceAll('0', '').length);

/** Which clusters are free: a bitmap built window by window, when first asked about. */
export class SpaceMap {
  readonly #source: SpaceSource;
  /** First cluster number past the last. */
  readonly #end: number;
  readonly #windows: (Window | undefined)[] = [];
  /** Where the next search starts. */
  cursor: number;

  /** @param clusterCount clusters that may be handed out, numbered from 2 */
  constructor(source: SpaceSource, clusterCount: number, cursor = FIRST_CLUSTER) {
    this.#source = source;
    this.#end = clusterCount + FIRST_CLUSTER;
    this.cursor = cursor >= FIRST_CLUSTER && cursor < this.#end ? cursor : FIRST_CLUSTER;
  }

  async #window(index: number): Promise<Window> {
    const known = this.#windows[index];
    if (known !== undefined) return known;
    const first = FIRST_CLUSTER + index * WINDOW;
    const count = Math.min(WINDOW, this.#end - first);
    const bits = (await this.#source.load(first, count)).slice(0, Math.ceil(count / 8));
    // Bits past the last cluster count as used.
    if (count % 8 !== 0) bits[bits.length - 1]! |= 0xff << (count % 8);
    let used = 0;
    for (const byte of bits) used += POPULATION[byte]!;
    const window = { bits, free: bits.length * 8 - used };
    this.#windows[index] = window;
    return window;
  }

  /** Count of free clusters; reads what has not been read. */
  async countFree(): Promise<number> {
    let free = 0;
    for (let i = 0; FIRST_CLUSTER + i * WINDOW < this.#end; i++) free += (await this.#window(i)).free;
    return free;
  }

  /**
   * Take `count` clusters, at `goal` and upwards if it can be, else wherever there are some.
   * @returns undefined when there are not enough; nothing is taken then
   */
  async allocate(count: number, goal: number | undefined): Promise<ClusterRun[] | undefined> {
    const start = goal !== undefined && goal >= FIRST_CLUSTER && goal < this.#end ? goal : this.cursor;
    const runs: { cluster: number; count: number }[] = [];
    let left = count;
    for (const [from, to] of [
      [start, this.#end],
      [FIRST_CLUSTER, start],
    ] as const) {
      for (let at = from; at < to && left > 0; ) {
        const found = await this.#nextFree(at, to, left);
        if (found.count > 0) append(runs, found);
        left -= found.count;
        at = found.cluster + found.count;
      }
    }
    if (left > 0) return undefined;
    for (const run of runs) await this.#change(run, true);
    const last = runs.at(-1);
    if (last !== undefined)
      this.cursor = last.cluster + last.count < this.#end ? last.cluster + last.count : FIRST_CLUSTER;
    return runs;
  }

  /** The next free run at or after `at`, within its window, at most `want` long; count 0 at the window's end. */
  async #nextFree(at: number, to: number, want: number): Promise<ClusterRun> {
    const index = Math.floor((at - FIRST_CLUSTER) / WINDOW);
    const base = FIRST_CLUSTER + index * WINDOW;
    const end = Math.min(to, base + WINDOW);
    const { bits, free } = await this.#window(index);
    if (free === 0) return { cluster: end, count: 0 };
    let i = at - base;
    while (base + i < end) {
      if ((i & 7) === 0 && bits[i >> 3] === 0xff) i += 8;
      else if ((bits[i >> 3]! & (1 << (i & 7))) !== 0) i++;
      else break;
    }
    if (base + i >= end) return { cluster: end, count: 0 };
    let n = 1;
    while (n < want && base + i + n < end && (bits[(i + n) >> 3]! & (1 << ((i + n) & 7))) === 0) n++;
    return { cluster: base + i, count: n };
  }

  /** Give clusters back. */
  release(run: ClusterRun): Promise<void> {
    return this.#change(run, false);
  }

  async #change(run: ClusterRun, used: boolean): Promise<void> {
    for (let at = run.cluster; at < run.cluster + run.count; ) {
      const index = Math.floor((at - FIRST_CLUSTER) / WINDOW);
      const base = FIRST_CLUSTER + index * WINDOW;
      const stop = Math.min(run.cluster + run.count, base + WINDOW);
      const window = await this.#window(index);
      for (let i = at - base; i < stop - base; i++) {
        const bit = 1 << (i & 7);
        const was = (window.bits[i >> 3]! & bit) !== 0;
        if (was === used) continue;
        window.bits[i >> 3]! ^= bit;
        window.free += used ? -1 : 1;
      }
      at = stop;
    }
    await this.#source.record(run, used);
  }

  /** What the source says of `count` clusters from `first`: bit set = in use. */
  usage(first: number, count: number): Promise<Uint8Array> {
    return this.#source.load(first, count);
  }

  /** Free runs in order, neighbours joined. */
  async *freeRuns(): AsyncGenerator<ClusterRun> {
    let held: { cluster: number; count: number } | undefined;
    for (let at = FIRST_CLUSTER; at < this.#end; ) {
      const run = await this.#nextFree(at, this.#end, WINDOW);
      at = run.cluster + run.count;
      if (run.count === 0) continue;
      if (held !== undefined && held.cluster + held.count === run.cluster) held.count += run.count;
      else {
        if (held !== undefined) yield held;
        held = { ...run };
      }
    }
    if (held !== undefined) yield held;
  }
}

/** Append a run to a list, joining it to the last one where they touch. */
function append(runs: { cluster: number; count: number }[], run: ClusterRun): void {
  const last = runs.at(-1);
  if (last !== undefined && last.cluster + last.count === run.cluster) last.count += run.count;
  else runs.push({ ...run });
}
