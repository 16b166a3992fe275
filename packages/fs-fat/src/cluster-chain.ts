import { CorruptImageError, LimitExceededError } from '@vmcraft/core/errors';
import { END_OF_CHAIN } from './allocation-table.js';
import type { ClusterRun } from './space-map.js';
import type { Volume } from './volume.js';

/** Part of a chain: `count` clusters of the device from `cluster`, holding the chain's clusters from `index`. */
export interface ChainRun extends ClusterRun {
  readonly index: number;
}

/**
 * The clusters of one file or directory, as runs. A chain is followed only as far as asked and remembered compressed, so seeking in a
 * file costs a binary search. Loops are found by Brent's algorithm: no visited set is needed, however long the chain.
 */
export class ClusterChain {
  readonly #volume: Volume;
  /** Index in the chain and cluster at which each run starts. */
  #indices: number[] = [];
  #clusters: number[] = [];
  /** Clusters known so far. */
  #length = 0;
  #complete = false;
  /** exFAT: the clusters are consecutive and the table has nothing on them (exFAT specification §6.4.2.2). */
  #contiguous = false;
  /** Brent: a cluster that lies behind, and when it moves up next. */
  #tortoise = -1;
  #power = 1;
  #steps = 0;
  #next: number;
  #walking: Promise<void> | undefined;

  /**
   * @param first first cluster; 0 when there is none
   * @param contiguousCount clusters of a chain that is not in the table
   * @throws CorruptImageError when it starts or ends outside the volume
   */
  constructor(volume: Volume, first: number, contiguousCount?: number) {
    this.#volume = volume;
    this.#next = first;
    if (first === 0) {
      this.#complete = true;
      this.#contiguous = volume.geometry.kind === 'exfat';
      return;
    }
    if (!volume.has(first)) throw outside(first);
    if (contiguousCount === undefined) return;
    if (contiguousCount > 0 && !volume.has(first + contiguousCount - 1)) throw outside(first + contiguousCount - 1);
    this.#contiguous = true;
    this.#complete = true;
    if (contiguousCount > 0) this.#push(first, contiguousCount);
  }

  /** First cluster, 0 when the chain is empty. */
  get first(): number {
    return this.#clusters[0] ?? (this.#complete ? 0 : this.#next);
  }

  /** Whether the clusters are consecutive and not linked in the table (exFAT). */
  get contiguous(): boolean {
    return this.#contiguous;
  }

  /** The run that holds cluster `index` of the chain, from there on; undefined past its end. Longer runs may turn out later. */
  async runAt(index: number): Promise<ChainRun | undefined> {
    return this.peekRun(index) ?? (await this.#reach(index));
  }

  /** As {@link runAt} when no reading is needed. */
  peekRun(index: number): ChainRun | undefined {
    if (index >= this.#length) return undefined;
    let low = 0;
    let high = this.#indices.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#indices[middle]! <= index) low = middle;
      else high = middle - 1;
    }
    const start = this.#indices[low]!;
    const end = this.#indices[low + 1] ?? this.#length;
    return { index, cluster: this.#clusters[low]! + (index - start), count: end - index };
  }

  async #reach(index: number): Promise<ChainRun | undefined> {
    while (!this.#complete && this.#length <= index) await this.#walk(index + 1);
    return this.peekRun(index);
  }

  /** Follow the chain until it is known up to `length` clusters; at most that and what is cached. */
  async reach(length: number): Promise<void> {
    if (length > 0) await this.#reach(length - 1);
  }

  /** Clusters in the whole chain. */
  async length(): Promise<number> {
    while (!this.#complete) await this.#walk(Number.POSITIVE_INFINITY);
    return this.#length;
  }

  /** All runs, in order. */
  async runs(): Promise<ClusterRun[]> {
    await this.length();
    return this.#indices.map((start, i) => ({
      cluster: this.#clusters[i]!,
      count: (this.#indices[i + 1] ?? this.#length) - start,
    }));
  }

  /** One walker at a time: concurrent readers wait for it. */
  async #walk(length: number): Promise<void> {
    if (this.#walking !== undefined) return this.#walking;
    this.#walking = this.#follow(length).finally(() => {
      this.#walking = undefined;
    });
    return this.#walking;
  }

  async #follow(length: number): Promise<void> {
    const { table } = this.#volume;
    while (this.#length < length) {
      const cluster = this.#next;
      // The entry first: when it cannot be read, the walk can be taken up again at this cluster.
      const raw = this.#volume.isCut(cluster) ? END_OF_CHAIN : (table.peek(cluster) ?? (await table.get(cluster)));
      const next = raw === END_OF_CHAIN ? raw : table.follow(cluster, raw);
      this.#checkLoop(cluster);
      this.#push(cluster, 1);
      if (next === END_OF_CHAIN) {
        this.#complete = true;
        return;
      }
      this.#next = next;
    }
  }

  #checkLoop(cluster: number): void {
    if (cluster === this.#tortoise) {
      throw new CorruptImageError({
        structure: 'file allocation table',
        field: `entry ${cluster}`,
        offset: this.#volume.table.offsetOf(cluster),
        reason: 'cluster chain is a loop',
        citation: 'Microsoft FAT specification 1.03 §4',
      });
    }
    if (++this.#steps === this.#power) {
      this.#tortoise = cluster;
      this.#power *= 2;
      this.#steps = 0;
    }
  }

  #push(cluster: number, count: number): void {
    const last = this.#clusters.length - 1;
    if (last < 0 || this.#clusters[last]! + (this.#length - this.#indices[last]!) !== cluster) {
      const max = this.#volume.limits.maxExtents;
      if (last + 1 >= max) {
        throw new LimitExceededError({ limit: 'fragments of a file', value: last + 2, max, option: 'maxExtents' });
      }
      this.#indices.push(this.#length);
      this.#clusters.push(cluster);
    }
    this.#length += count;
  }

  /** Append clusters that have been allocated. */
  async extend(runs: readonly ClusterRun[]): Promise<void> {
    const had = await this.length();
    const tail = this.#tail();
    const first = runs[0];
    if (first === undefined) return;
    if (this.#contiguous && runs.length === 1 && (had === 0 || tail + 1 === first.cluster)) {
      this.#push(first.cluster, first.count);
      return;
    }
    if (tail !== 0) await this.#volume.uncut(tail);
    if (this.#contiguous && had > 0) await this.#link([{ cluster: this.first, count: had }]);
    this.#contiguous = false;
    await this.#link(runs);
    if (tail !== 0) await this.#volume.table.set(tail, first.cluster);
    for (const run of runs) this.#push(run.cluster, run.count);
  }

  async #link(runs: readonly ClusterRun[]): Promise<void> {
    const { table } = this.#volume;
    for (const [i, run] of runs.entries()) {
      const last = run.cluster + run.count - 1;
      for (let cluster = run.cluster; cluster < last; cluster++) await table.set(cluster, cluster + 1);
      await table.set(last, runs[i + 1]?.cluster ?? END_OF_CHAIN);
    }
  }

  #tail(): number {
    const last = this.#clusters.length - 1;
    return last < 0 ? 0 : this.#clusters[last]! + (this.#length - this.#indices[last]!) - 1;
  }

  /** The cluster after the last one: where growing would be best. */
  async goal(): Promise<number | undefined> {
    return (await this.length()) === 0 ? undefined : this.#tail() + 1;
  }

  /** Keep the first `length` clusters and give the rest to the volume to free. */
  async truncate(length: number): Promise<void> {
    if (length >= (await this.length())) return;
    const freed: ClusterRun[] = [];
    while (this.#length > length) {
      const last = this.#indices.length - 1;
      const start = this.#indices[last]!;
      const keep = Math.max(0, length - start);
      freed.push({ cluster: this.#clusters[last]! + keep, count: this.#length - start - keep });
      this.#length = start + keep;
      if (keep > 0) break;
      this.#indices.pop();
      this.#clusters.pop();
    }
    if (length === 0) this.#contiguous = this.#volume.geometry.kind === 'exfat';
    else if (!this.#contiguous) this.#volume.cut(this.#tail());
    this.#volume.free(freed);
  }
}

function outside(cluster: number): CorruptImageError {
  return new CorruptImageError({
    structure: 'directory entry',
    field: 'first cluster',
    found: cluster,
    reason: `cluster ${cluster} does not exist`,
    citation: 'Microsoft FAT specification 1.03 §6',
  });
}
