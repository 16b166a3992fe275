import { isVmcraftError, messageOf } from '@vmcraft/core/errors';
import type { Findings } from './check.js';
import { ClusterChain } from './cluster-chain.js';
import type { DirectoryStore } from './directory.js';
import { FIRST_CLUSTER } from './layout.js';
import { ClusterNode, type ParsedEntry } from './node.js';
import type { ClusterRun } from './space-map.js';
import type { Volume } from './volume.js';

/** Clusters of one window of the map of owners. */
const WINDOW = 65536;
/** Directories below each other at most; a path cannot be longer. */
const MAX_DEPTH = 2048;

/** Which clusters belong to something. Windows are made when first claimed. */
export class ClusterClaims {
  readonly #windows = new Map<number, Uint8Array>();

  /** Claim a run; false when part of it is taken. */
  claim(run: ClusterRun): boolean {
    let free = true;
    for (let cluster = run.cluster; cluster < run.cluster + run.count; cluster++) {
      const i = cluster - FIRST_CLUSTER;
      const index = Math.floor(i / WINDOW);
      let window = this.#windows.get(index);
      if (window === undefined) {
        window = new Uint8Array(WINDOW / 8);
        this.#windows.set(index, window);
      }
      const bit = 1 << (i & 7);
      const byte = (i % WINDOW) >> 3;
      if ((window[byte]! & bit) !== 0) free = false;
      window[byte]! |= bit;
    }
    return free;
  }

  /** The bits of one window; undefined when nothing in it is claimed. */
  window(index: number): Uint8Array | undefined {
    return this.#windows.get(index);
  }

  static readonly windowSize = WINDOW;
}

/** Further looks at each object, where FAT and exFAT differ. */
export type ObjectCheck = (dir: ClusterNode, entry: ParsedEntry, path: string) => Promise<void>;

/** Walks a whole tree, claiming the clusters of everything in it. */
export class TreeCheck {
  readonly #volume: Volume;
  readonly #store: DirectoryStore;
  readonly #claims: ClusterClaims;
  readonly #findings: Findings;
  readonly #object: ObjectCheck;

  constructor(store: DirectoryStore, claims: ClusterClaims, findings: Findings, object: ObjectCheck) {
    this.#store = store;
    this.#volume = store.volume;
    this.#claims = claims;
    this.#findings = findings;
    this.#object = object;
  }

  /** Claim a chain that is in no directory. */
  async claimChain(chain: ClusterChain, what: string): Promise<void> {
    await this.#guarded(what, async () => this.#claim(await chain.runs(), what));
  }

  #claim(runs: readonly ClusterRun[], what: string): boolean {
    let own = true;
    for (const run of runs) own = this.#claims.claim(run) && own;
    if (!own) this.#findings.error(`${what}: has clusters that belong to something else too`);
    return own;
  }

  async #guarded(what: string, task: () => Promise<unknown>): Promise<void> {
    try {
      await task();
    } catch (error) {
      if (!isVmcraftError(error)) throw error;
      this.#findings.error(`${what}: ${messageOf(error)}`);
    }
  }

  /** Walk from the root. A directory whose clusters are someone else's is not entered, so every walk ends. */
  async walk(root: ClusterNode): Promise<void> {
    const stack: { dir: ClusterNode; path: string; depth: number }[] = [{ dir: root, path: '', depth: 0 }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const { dir, path, depth } = next;
      await this.#guarded(path === '' ? '/' : path, async () => {
        for (const sub of await this.#directory(dir, path)) {
          if (depth < MAX_DEPTH) stack.push({ ...sub, depth: depth + 1 });
          else this.#findings.error(`${sub.path}: directories are more than ${MAX_DEPTH} deep`);
        }
      });
    }
  }

  async #directory(dir: ClusterNode, path: string): Promise<{ dir: ClusterNode; path: string }[]> {
    const below: { dir: ClusterNode; path: string }[] = [];
    const seen = new Set<string>();
    for await (const entries of this.#store.scan(dir)) {
      for (const entry of entries) {
        const at = `${path}/${entry.name}`;
        for (const name of entry.alias === undefined ? [entry.name] : [entry.name, entry.alias]) {
          const folded = this.#store.format.fold(name);
          if (seen.has(folded) && name !== entry.name) this.#findings.error(`${at}: its short name is not unique`);
          else if (seen.has(folded)) this.#findings.error(`${at}: this name is there twice`);
        }
        for (const name of [entry.name, entry.alias ?? entry.name]) seen.add(this.#store.format.fold(name));
        const node = new ClusterNode(this.#volume, 0, dir, entry);
        await this.#guarded(at, async () => {
          await this.#object(dir, entry, at);
          if (await this.#contents(node, at)) below.push({ dir: node, path: at });
        });
      }
    }
    return below;
  }

  /** Claim an object's clusters and compare their count with its size; true for a directory to enter. */
  async #contents(node: ClusterNode, path: string): Promise<boolean> {
    const { clusterSize } = this.#volume.geometry;
    const own = this.#claim(await node.chain.runs(), path);
    const length = await node.chain.length();
    const sized = !node.isDirectory || this.#store.format.sizedDirectories;
    const needed = Math.ceil(node.fields.size / clusterSize);
    const size = `its ${node.fields.size} bytes need ${needed} clusters`;
    if (sized && length > needed) this.#findings.error(`${path}: ${size}, it has more clusters: ${length}`);
    if (sized && length < needed) this.#findings.error(`${path}: ${size}, it has only ${length}`);
    if (node.isDirectory && length === 0) this.#findings.error(`${path}: a directory without clusters`);
    return node.isDirectory && own && length > 0;
  }
}

/** Claim what hangs on secondary entries (exFAT's vendor allocations). */
export async function claimExtra(store: DirectoryStore, tree: TreeCheck, set: Uint8Array, path: string): Promise<void> {
  for (const held of store.format.extraAllocations(set)) {
    const count = held.contiguous ? Math.ceil(held.size / store.volume.geometry.clusterSize) : undefined;
    await tree.claimChain(new ClusterChain(store.volume, held.cluster, count), `${path} (vendor allocation)`);
  }
}

/** Compare claims with what the volume says is in use. `ignore` tells clusters that need no owner (bad ones). */
export async function compareUsage(
  volume: Volume,
  claims: ClusterClaims,
  usage: (first: number, count: number) => Promise<Uint8Array>,
  ignore: (cluster: number) => Promise<boolean>,
): Promise<{ lost: number; unmarked: number; free: number }> {
  const { clusterCount } = volume.geometry;
  const result = { lost: 0, unmarked: 0, free: 0 };
  for (let start = 0; start < clusterCount; start += ClusterClaims.windowSize) {
    const count = Math.min(ClusterClaims.windowSize, clusterCount - start);
    const used = await usage(start + FIRST_CLUSTER, count);
    const claimed = claims.window(start / ClusterClaims.windowSize);
    for (let i = 0; i < count; i++) {
      const bit = 1 << (i & 7);
      const isUsed = (used[i >> 3]! & bit) !== 0;
      const isClaimed = claimed !== undefined && (claimed[i >> 3]! & bit) !== 0;
      if (!isUsed) result.free++;
      if (isUsed && !isClaimed && !(await ignore(start + i + FIRST_CLUSTER))) result.lost++;
      if (!isUsed && isClaimed) result.unmarked++;
    }
  }
  return result;
}
