import type { Item, Key, Tree } from './tree.js';

/** The items of a subvolume: its tree, or its tree with what the log has over it. */
export interface ItemSource {
  find(key: Key): Promise<Item | undefined>;
  last(key: Key): Promise<Item | undefined>;
  range(from: Key, to: Key): AsyncIterable<Item>;
}

/** A subvolume or snapshot. */
export interface Subvolume {
  /** Object id of its tree. */
  readonly id: number;
  readonly items: ItemSource;
  /** Inode of its root directory. */
  readonly rootDir: number;
  readonly isReadOnly: boolean;
  /** Checksums of data that is not in the checksum tree yet: those of the log. */
  readonly loggedSums?: Tree;
}
