import { FIRST_CLUSTER } from './layout.js';
import { ClusterNode, type ParsedEntry } from './node.js';
import type { Volume } from './volume.js';

/** Inode number of the root. */
export const ROOT_INO = 1;
/** The table is swept of dead references whenever it has grown by this factor. */
const GROWTH = 2;
const FIRST_SWEEP = 4096;

/**
 * The objects that callers hold. One object has one node for as long as anyone holds it, even when it is renamed; FAT has no inode
 * numbers, so the place of the directory entry serves as one.
 */
export class NodeTable {
  readonly #volume: Volume;
  readonly root: ClusterNode;
  readonly #byPosition = new Map<number, WeakRef<ClusterNode>>();
  readonly #inos = new Map<number, WeakRef<ClusterNode>>();
  #sweepAt = FIRST_SWEEP;
  #spare: number;

  constructor(volume: Volume, root: ClusterNode) {
    this.#volume = volume;
    this.root = root;
    this.#spare = Math.ceil(volume.device.size / 32) + FIRST_CLUSTER;
  }

  /** The node of an entry. */
  of(parent: ClusterNode, entry: ParsedEntry): ClusterNode {
    const known = this.#byPosition.get(entry.position)?.deref();
    const cyclic = this.#isCyclic(parent, entry, known);
    if (known !== undefined && !known.deleted && !cyclic) return known;
    const node = new ClusterNode(this.#volume, cyclic ? this.#spare++ : this.#number(entry), parent, entry);
    if (cyclic) {
      node.cyclic = true;
      return node;
    }
    this.add(node);
    return node;
  }

  /** Whether a directory is one of those that lead to it. */
  #isCyclic(parent: ClusterNode, entry: ParsedEntry, known: ClusterNode | undefined): boolean {
    const probe = known ?? new ClusterNode(this.#volume, 0, parent, entry);
    if (!probe.isDirectory) return false;
    for (let up: ClusterNode | undefined = parent; up !== undefined; up = up.parent) {
      if (up === known || up.cyclic) return true;
      if (up.fields.firstCluster === entry.firstCluster && entry.firstCluster !== 0) return true;
    }
    return false;
  }

  /** The number of an entry's place, or another one when a node that moved away still has it. */
  #number(entry: ParsedEntry): number {
    const natural = entry.position / 32;
    const holder = this.#inos.get(natural)?.deref();
    return natural > ROOT_INO && (holder === undefined || holder.deleted) ? natural : this.#spare++;
  }

  /** Register a node at its place. */
  add(node: ClusterNode): void {
    const reference = new WeakRef(node);
    this.#byPosition.set(node.place.position, reference);
    this.#inos.set(node.ino, reference);
    if (this.#byPosition.size > this.#sweepAt) this.#sweep();
  }

  /** A number for a new object at a place. */
  numberFor(position: number): number {
    const holder = this.#inos.get(position / 32)?.deref();
    return holder === undefined || holder.deleted ? position / 32 : this.#spare++;
  }

  /** A node has left its place. */
  vacate(position: number): void {
    this.#byPosition.delete(position);
  }

  #sweep(): void {
    for (const map of [this.#byPosition, this.#inos]) {
      for (const [key, reference] of map) if (reference.deref() === undefined) map.delete(key);
    }
    this.#sweepAt = Math.max(FIRST_SWEEP, this.#byPosition.size * GROWTH);
  }
}
