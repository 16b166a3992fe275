import type { FsNode, FsStat } from '@vmcraft/core';

/** A file of the appliance: where it was last seen. Paths are made of names that were looked up, never of what a link says. */
export interface ApplianceNode extends FsNode {
  parent: ApplianceNode | undefined;
  name: string;
  /** What lstat said, while nothing was changed since. */
  known?: { readonly stat: FsStat; readonly generation: number };
}

/** Entries that are kept before those nobody holds any more are thrown out. */
const PRUNE_AT = 65_536;

/** The nodes that somebody holds, one per file, so that a rename moves them all. */
export class NodeTable {
  readonly #nodes = new Map<number, WeakRef<ApplianceNode>>();
  readonly #foreign = new Map<string, number>();
  #limit = PRUNE_AT;
  #nextForeign = Number.MAX_SAFE_INTEGER;

  /** The node of a file, now known by this name. */
  at(parent: ApplianceNode | undefined, name: string, ino: number): ApplianceNode {
    const held = this.#nodes.get(ino)?.deref();
    if (held !== undefined) {
      held.parent = parent;
      held.name = name;
      return held;
    }
    const node: ApplianceNode = { ino, parent, name };
    this.#nodes.set(ino, new WeakRef(node));
    if (this.#nodes.size > this.#limit) this.#prune();
    return node;
  }

  /** The node of a file, if somebody holds it. */
  held(ino: number): ApplianceNode | undefined {
    return this.#nodes.get(ino)?.deref();
  }

  /** A number for a file of another device that is reached without a mount, as the subvolumes of Btrfs are. */
  foreign(dev: number, ino: number): number {
    const key = `${dev}:${ino}`;
    const known = this.#foreign.get(key) ?? this.#nextForeign--;
    this.#foreign.set(key, known);
    return known;
  }

  #prune(): void {
    for (const [ino, ref] of this.#nodes) if (ref.deref() === undefined) this.#nodes.delete(ino);
    this.#limit = Math.max(PRUNE_AT, this.#nodes.size * 2);
  }
}

/** Path below the mount point, starting with a slash; empty for the root. */
export function pathOf(node: ApplianceNode): string {
  const names: string[] = [];
  for (let at = node; at.parent !== undefined; at = at.parent) names.push(at.name);
  return names
    .reverse()
    .map((name) => `/${name}`)
    .join('');
}
