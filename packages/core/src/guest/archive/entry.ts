import type { Timestamp } from '../../contracts/index.js';

/** Kinds of objects that archives hold. A hard link names an earlier entry. */
export type EntryKind =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'hardlink'
  | 'character-device'
  | 'block-device'
  | 'fifo'
  | 'socket';

/** Bytes of a file at their place; what no run covers is zeros. */
export interface ContentRun {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** One object on its way between an archive, the guest and the host. */
export interface ArchiveEntry {
  /** Path below the top without a leading slash; empty for the top itself. */
  readonly name: string;
  readonly kind: EntryKind;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly userName?: string | undefined;
  readonly groupName?: string | undefined;
  readonly mtime: Timestamp;
  /** Bytes of a file, holes included; else 0. */
  readonly size: number;
  /** Target of a symbolic link, or the name of the entry that a hard link is for. */
  readonly target: string;
  readonly rdev: { readonly major: number; readonly minor: number };
  /** Extended attributes by full name. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  /** Access and default lists in the text form of acl(5). */
  readonly accessAcl?: string | undefined;
  readonly defaultAcl?: string | undefined;
  /** SELinux context without a NUL. */
  readonly selinux?: string | undefined;
  /** The bytes of a file, in order. Take them before asking for the next entry, or leave them. */
  content(): AsyncIterable<ContentRun>;
}

/** What most entries have none of. */
export const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map();
export const NO_DEVICE = { major: 0, minor: 0 };

/** Content of entries that are no files. */
export async function* noContent(): AsyncGenerator<ContentRun> {}

/** Zeros that stand for holes in streams. */
const ZEROS = new Uint8Array(64 * 1024);

/** `length` zeros in bounded pieces. */
export function* zeros(length: number): Generator<Uint8Array> {
  for (let left = length; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, Math.min(left, ZEROS.length));
}

/** The content of an entry as a plain stream, holes filled with zeros. */
export async function* filled(entry: ArchiveEntry): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const { offset, data } of entry.content()) {
    yield* zeros(offset - at);
    yield data;
    at = offset + data.length;
  }
  yield* zeros(entry.size - at);
}
