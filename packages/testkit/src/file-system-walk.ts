import type { DirEntry, FileSystem, FsNode } from '@vmcraft/core';
import { gather } from './expectations.js';

/** All entries of a directory. */
export function listEntries(fs: FileSystem, dir: FsNode = fs.root): Promise<DirEntry[]> {
  return gather(fs.readdir(dir));
}

/** Names in a directory, sorted. */
export async function namesIn(fs: FileSystem, dir: FsNode = fs.root): Promise<string[]> {
  return (await listEntries(fs, dir)).map((entry) => entry.name).sort();
}

/** Every object below a directory, by its path from there. */
export async function nodesBelow(fs: FileSystem, dir: FsNode = fs.root, at = ''): Promise<Map<string, FsNode>> {
  const out = new Map<string, FsNode>();
  for (const entry of await listEntries(fs, dir)) {
    out.set(at + entry.name, entry.node);
    if (entry.type !== 'd') continue;
    for (const [path, node] of await nodesBelow(fs, entry.node, `${at}${entry.name}/`)) out.set(path, node);
  }
  return out;
}

/** The whole contents of a file. */
export async function contentsOf(fs: FileSystem, node: FsNode): Promise<Uint8Array> {
  return fs.read(node, 0, (await fs.stat(node)).size);
}

/** The object at a path; links are not followed. @throws Error when there is none */
export async function nodeAt(fs: FileSystem, path: string): Promise<FsNode> {
  let node = fs.root;
  for (const part of path.split('/').filter((p) => p !== '')) {
    const next = await fs.lookup(node, part);
    if (next === undefined) throw new Error(`${path}: ${part} is not there`);
    node = next;
  }
  return node;
}
