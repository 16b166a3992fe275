import type { DirEntry, FileType } from '@vmcraft/core/contracts';
import { CorruptImageError, FsError, LimitExceededError } from '@vmcraft/core/errors';
import { nameOf } from './collation.js';
import { displayName, isShortName, requireFileName, searchKey } from './file-name.js';
import type { IndexEntry } from './index-node.js';
import type { IndexTree, Step } from './index-tree.js';
import type { Inode } from './inode.js';
import { FIRST_USER_RECORD, FileAttribute, SystemFile } from './layout.js';
import { IndexName } from './layout-index.js';
import { NtfsNode } from './node.js';
import { linkTags } from './reparse.js';
import type { Volume } from './volume.js';

const ATTRIBUTES = 56;
const TAG = 60;

/** The index of a directory. @throws FsError ENOTDIR */
export function directoryIndex(volume: Volume, inode: Inode, operation: string): IndexTree {
  if (!inode.isDirectory) throw new FsError('ENOTDIR', { operation });
  if (inode.deleted) throw new FsError('ENOENT', { operation });
  return volume.index(inode, IndexName.directory);
}

/** A name in a directory, and the way to it. */
export interface FoundName {
  readonly entry: IndexEntry;
  /** Spelled as it was asked for; else it is another case of it. */
  readonly exact: boolean;
}

/**
 * Find a name: as it is spelled, else in another case. Names that differ only in case lie side by side, so that one on the way to
 * the exact place is found if there is any.
 */
export async function findName(tree: IndexTree, name: string, operation: string): Promise<FoundName | undefined> {
  const key = searchKey(name, operation);
  const { path, found } = await tree.descend(key);
  const last = path.at(-1)!;
  if (found) return { entry: last.node.entries[last.position]!, exact: true };
  const entry = neighbour(tree, path, key);
  return entry === undefined ? undefined : { entry, exact: false };
}

function neighbour(tree: IndexTree, path: readonly Step[], key: Uint8Array): IndexEntry | undefined {
  const wanted = nameOf(key);
  for (const { node, position } of path) {
    for (const entry of [node.entries[position], node.entries[position - 1]]) {
      if (entry !== undefined && tree.host.upcase.compareFolded(nameOf(entry.key), wanted) === 0) return entry;
    }
  }
  return undefined;
}

/** Type of an entry, from the copy of attributes that it holds. */
function typeOf(key: Uint8Array): FileType {
  const attributes = (key[ATTRIBUTES]! | (key[ATTRIBUTES + 1]! << 8) | (key[ATTRIBUTES + 3]! << 24)) >>> 0;
  if ((attributes & FileAttribute.reparsePoint) !== 0) {
    const tag = (key[TAG]! | (key[TAG + 1]! << 8) | (key[TAG + 2]! << 16) | (key[TAG + 3]! << 24)) >>> 0;
    if (linkTags.has(tag)) return 'l';
    return (attributes & FileAttribute.directoryIndex) === 0 ? 'u' : 'd';
  }
  if ((attributes & FileAttribute.directoryIndex) !== 0) return 'd';
  // Links and devices of Services for UNIX are known by their contents only.
  return (attributes & FileAttribute.system) === 0 ? 'r' : 'u';
}

/** What a listing shows. */
export interface ListingRules {
  readonly showSystemFiles: boolean;
  readonly maxEntries: number;
}

/** A listing in the making. */
export class Listing {
  readonly #cursor;
  #count = 0;

  constructor(
    private readonly volume: Volume,
    private readonly node: NtfsNode,
    tree: IndexTree,
    private readonly rules: ListingRules,
  ) {
    this.#cursor = tree.entries();
  }

  /** The next entries; undefined at the end. @throws CorruptImageError, LimitExceededError */
  async next(): Promise<DirEntry[] | undefined> {
    const inode = this.volume.peekNode(this.node) ?? (await this.volume.inode(this.node));
    const batch = await this.#cursor.next(directoryIndex(this.volume, inode, 'readdir'));
    if (batch === undefined) return undefined;
    this.#count += batch.length;
    const { maxEntries, showSystemFiles } = this.rules;
    if (this.#count > maxEntries) {
      throw new LimitExceededError({
        limit: 'entries of a directory',
        value: this.#count,
        max: maxEntries,
        option: 'maxDirEntries',
      });
    }
    const out: DirEntry[] = [];
    for (const entry of batch) {
      const key = requireFileName(entry.key, `directory of record ${this.node.record}`);
      const { record } = entry;
      // The root has an entry for itself, and those of the system.
      if (isShortName(key) || record === SystemFile.root) continue;
      if (record < FIRST_USER_RECORD && !showSystemFiles) continue;
      out.push({ name: displayName(key), node: new NtfsNode(this.volume, record, entry.sequence), type: typeOf(key) });
    }
    return out;
  }
}

/** The record that an entry leads to must not be the directory itself. @throws CorruptImageError */
export function requireOther(directory: Inode, entry: IndexEntry): void {
  if (entry.record !== directory.number || directory.number === SystemFile.root) return;
  throw new CorruptImageError({
    structure: `directory of record ${directory.number}`,
    field: 'entry',
    reason: 'a directory contains itself',
  });
}
