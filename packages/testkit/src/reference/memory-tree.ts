import type { FsNode, Timestamp } from '@vmcraft/core';
import { CorruptImageError, decodeUtf8, encodeUtf8, fromHex, S_IFDIR, S_IFMT, toHex } from '@vmcraft/core';

/** One object of the reference file system. */
export interface MemoryNode extends FsNode {
  ino: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  rdev: { major: number; minor: number };
  target?: string;
  data: Uint8Array;
  atime: Timestamp;
  mtime: Timestamp;
  ctime: Timestamp;
  children?: Map<string, MemoryNode>;
}

const EPOCH: Timestamp = { sec: 0, nsec: 0 };

/** An empty object; a directory when `mode` says so. */
export function newNode(ino: number, mode: number): MemoryNode {
  const dir = (mode & S_IFMT) === S_IFDIR;
  const node = { ino, mode, nlink: dir ? 2 : 1, uid: 0, gid: 0, rdev: { major: 0, minor: 0 } };
  const times = { atime: EPOCH, mtime: EPOCH, ctime: EPOCH };
  return { ...node, ...times, data: new Uint8Array(), ...(dir ? { children: new Map() } : {}) };
}

/** How an object is written: contents in hexadecimal, names with the number of their object. */
interface Stored extends Omit<MemoryNode, 'data' | 'children'> {
  data: string;
  children?: [string, number][];
}

/** The tree as JSON bytes; every object once, so hard links survive. */
export function encodeTree(root: MemoryNode): Uint8Array {
  const all = new Map<number, Stored>();
  const visit = (node: MemoryNode): void => {
    if (all.has(node.ino)) return;
    const { data, children, ...rest } = node;
    const names =
      children === undefined ? {} : { children: [...children].map(([k, v]): [string, number] => [k, v.ino]) };
    all.set(node.ino, { ...rest, data: toHex(data), ...names });
    for (const child of children?.values() ?? []) visit(child);
  };
  visit(root);
  return encodeUtf8(JSON.stringify([...all.values()]));
}

/** The tree of JSON bytes. @throws CorruptImageError */
export function decodeTree(data: Uint8Array): MemoryNode {
  try {
    const stored = JSON.parse(decodeUtf8(data)) as Stored[];
    const nodes = new Map(
      stored.map((s) => [s.ino, { ...s, data: fromHex(s.data), children: undefined } as unknown as MemoryNode]),
    );
    for (const s of stored) {
      const node = nodes.get(s.ino);
      if (node !== undefined && s.children !== undefined) {
        node.children = new Map(s.children.map(([name, ino]) => [name, nodes.get(ino) as MemoryNode]));
      }
    }
    const root = nodes.get(1);
    if (root?.children !== undefined) return root;
  } catch (error) {
    throw new CorruptImageError({ structure: 'memory-fs tree', reason: 'not a tree' }, error);
  }
  throw new CorruptImageError({ structure: 'memory-fs tree', reason: 'no root directory' });
}
