import type { FsNode } from '@vmcraft/core';
import { FsError } from '@vmcraft/core';

/** What the helper says of an object, as far as nodes need it. */
export interface WireIdentity {
  readonly ino: number;
  readonly dev: number;
}

/** An object by the names that lead to it. */
export class HostNode implements FsNode {
  /** The name was taken away. */
  gone = false;

  constructor(
    readonly ino: number,
    /** Device number that the kernel shows: subvolumes of Btrfs have their own. */
    readonly dev: number,
    public parent: HostNode | undefined,
    /** One character per byte. */
    public name: string,
  ) {}

  /** Names from the root. @throws FsError ENOENT */
  path(operation: string): string[] {
    const names: string[] = [];
    for (let node: HostNode = this; node.parent !== undefined; node = node.parent) {
      if (node.gone) throw new FsError('ENOENT', { operation });
      names.push(node.name);
    }
    return names.reverse();
  }
}

/** Inode numbers of other subvolumes are moved here, 2^44 apart, so that each number is one object. */
const STRIDE = 2 ** 44;
/** Subvolumes that get numbers of their own. */
const MAX_STRIDES = 511;

/** One node per object, so that a rename reaches everybody who holds it. */
export class NodeTable {
  readonly #nodes = new Map<number, WeakRef<HostNode>>();
  /** By the parent's number and the name. */
  readonly #names = new Map<string, WeakRef<HostNode>>();
  readonly #devices: number[];
  readonly #cleaner = new FinalizationRegistry<{ readonly ino: number; readonly key: string }>(({ ino, key }) => {
    if (this.#nodes.get(ino)?.deref() === undefined) this.#nodes.delete(ino);
    if (this.#names.get(key)?.deref() === undefined) this.#names.delete(key);
  });
  readonly root: HostNode;

  constructor(root: WireIdentity) {
    this.#devices = [root.dev];
    this.root = new HostNode(root.ino, root.dev, undefined, '');
  }

  /** The node of an object that was found under a name. */
  at(parent: HostNode, name: string, { ino, dev }: WireIdentity): HostNode {
    const number = this.#numberOf(ino, dev);
    if (number === this.root.ino) return this.root;
    const known = this.#nodes.get(number)?.deref();
    const node = known ?? new HostNode(number, dev, parent, name);
    if (known === undefined) this.#nodes.set(number, new WeakRef(node));
    else this.#name(node, parent, name);
    const key = `${parent.ino}/${name}`;
    if (this.#names.get(key)?.deref() !== node) {
      this.#names.set(key, new WeakRef(node));
      this.#cleaner.register(node, { ino: number, key });
    }
    return node;
  }

  /** A name was taken away. */
  removed(parent: HostNode, name: string): void {
    const key = `${parent.ino}/${name}`;
    const node = this.#names.get(key)?.deref();
    this.#names.delete(key);
    if (node?.parent === parent && node.name === name) node.gone = true;
  }

  /** An object has another name. */
  renamed(parent: HostNode, name: string, toParent: HostNode, toName: string): void {
    const key = `${parent.ino}/${name}`;
    const node = this.#names.get(key)?.deref();
    this.removed(toParent, toName);
    this.#names.delete(key);
    if (node === undefined) return;
    this.#name(node, toParent, toName);
    this.#names.set(`${toParent.ino}/${toName}`, new WeakRef(node));
  }

  #name(node: HostNode, parent: HostNode, name: string): void {
    node.parent = parent;
    node.name = name;
    node.gone = false;
  }

  #numberOf(ino: number, dev: number): number {
    let index = this.#devices.indexOf(dev);
    if (index < 0) index = this.#devices.push(dev) - 1;
    return ino + (index % MAX_STRIDES) * STRIDE;
  }
}
