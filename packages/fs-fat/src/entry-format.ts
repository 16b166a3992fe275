import type { EntryFields, ParsedEntry } from './node.js';

/** Receives what a parser finds. */
export interface EntrySink {
  readonly entries: ParsedEntry[];
  /** Slots that a new entry may take. */
  free?(slot: number, count: number): void;
  /** The first slot that has never been used. */
  end?(slot: number): void;
}

/** Reads the slots of one directory, in order. */
export interface EntryParser {
  /**
   * Take the next slots.
   * @param data whole slots
   * @param slot number of the first one
   * @param position its device offset, bytes
   * @returns false at the end mark: nothing more is to come
   */
  feed(data: Uint8Array, slot: number, position: number, sink: EntrySink): boolean;
}

/** Answers whether a short name is taken. */
export interface TakenNames {
  has(name: string): boolean;
}

/** Entries of a new name. */
export interface EncodedEntry {
  readonly bytes: Uint8Array;
  /** Which of the slots is the primary one. */
  readonly primary: number;
  /** Short name that comes with it, as the index keeps it. */
  readonly alias?: string;
}

/** How names and entries look on the device: the difference between FAT and exFAT directories. */
export interface EntryFormat {
  /** Most slots that a directory can have. */
  readonly maxSlots: number;
  /** Longest file, bytes. */
  readonly maxFileSize: number;
  /** exFAT keeps a directory's size in its entry, FAT keeps 0. */
  readonly sizedDirectories: boolean;
  parser(): EntryParser;
  /** A name in the form in which names are compared. */
  fold(name: string): string;
  /** The name as it is kept; what a lookup should look for. */
  normalize(name: string): string;
  /** @throws FsError EINVAL, ENAMETOOLONG */
  checkName(name: string, operation: string): void;
  /** @param previous entries of the same object under its old name, whose other fields are kept */
  encode(name: string, fields: EntryFields, taken: TakenNames, previous?: Uint8Array): EncodedEntry;
  /** Put the node's fields into its entries. */
  patch(entries: Uint8Array, fields: EntryFields): void;
  /** Mark entries as not in use. */
  erase(entries: Uint8Array): void;
  /** Entries that every new directory starts with. */
  initialEntries(fields: EntryFields, parentCluster: number): Uint8Array;
  /** A directory has moved below another one. Returns what to change in its first cluster. */
  movedEntries(parentCluster: number): { slot: number; offset: number; bytes: Uint8Array }[];
  /** Clusters that entries other than the file's own data hold on to (exFAT's vendor allocations). */
  extraAllocations(entries: Uint8Array): { cluster: number; size: number; contiguous: boolean }[];
  /** UTC offset byte of stamps that we set. */
  readonly zoneNow: number;
}
