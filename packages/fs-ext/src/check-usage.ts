import { blockBitmapBytes, setBits, testBit } from './bitmap.js';
import type { Findings } from './check-findings.js';
import { firstBlockOf, type Geometry, groupOfBlock } from './geometry.js';

/** Clusters in use as the structures say, one bitmap for each group that has any. */
export class BlockUsage {
  readonly #groups = new Map<number, Uint8Array>();
  /** Cluster that the same owner took last: extents of a file may share one. */
  #lastCluster = -1;
  #owner = 0;

  constructor(
    private readonly geometry: Geometry,
    private readonly findings: Findings,
  ) {}

  /** The bitmap of a group: bits of used clusters. */
  bits(group: number): Uint8Array {
    let bits = this.#groups.get(group);
    if (bits === undefined) {
      bits = new Uint8Array(blockBitmapBytes(this.geometry));
      this.#groups.set(group, bits);
    }
    return bits;
  }

  /** The bitmap of a group, or undefined when nothing in it is used. */
  peek(group: number): Uint8Array | undefined {
    return this.#groups.get(group);
  }

  /** Blocks of the file system itself; they may share a cluster with each other. */
  takeMetadata(block: number, count: number, what: string): void {
    this.#take(block, count, what, this.geometry.clusterRatio > 1);
  }

  /** Start the blocks of another inode. */
  begin(ino: number): void {
    this.#owner = ino;
    this.#lastCluster = -1;
  }

  /** Blocks of the present inode. */
  take(block: number, count: number): void {
    const { clusterRatio, firstDataBlock } = this.geometry;
    if (clusterRatio === 1) {
      this.#take(block, count, `inode ${this.#owner}`, false);
      return;
    }
    const first = Math.floor((block - firstDataBlock) / clusterRatio);
    const last = Math.floor((block + count - 1 - firstDataBlock) / clusterRatio);
    const from = first === this.#lastCluster ? first + 1 : first;
    this.#lastCluster = last;
    if (from <= last)
      this.#take(firstDataBlock + from * clusterRatio, (last - from) * clusterRatio + 1, `inode ${this.#owner}`, false);
  }

  #take(block: number, count: number, what: string, shared: boolean): void {
    const g = this.geometry;
    if (block < g.firstDataBlock || block + count > g.blocksCount) {
      this.findings.error(`${what}: blocks ${block} to ${block + count - 1} lie outside the file system`);
      return;
    }
    for (let at = block; at < block + count; ) {
      const group = groupOfBlock(g, at);
      const first = firstBlockOf(g, group);
      const end = Math.min(block + count, first + g.blocksPerGroup);
      const from = Math.floor((at - first) / g.clusterRatio);
      const to = Math.floor((end - 1 - first) / g.clusterRatio) + 1;
      const bits = this.bits(group);
      if (!shared) {
        const taken = firstSet(bits, from, to);
        if (taken >= 0)
          this.findings.error(`${what}: block ${first + taken * g.clusterRatio} is claimed more than once`);
      }
      setBits(bits, from, to);
      at = end;
    }
  }
}

function firstSet(bits: Uint8Array, from: number, to: number): number {
  for (let i = from; i < to; ) {
    if ((i & 7) === 0 && i + 8 <= to && bits[i >> 3] === 0) i += 8;
    else if (testBit(bits, i)) return i;
    else i += 1;
  }
  return -1;
}
