import type { BlockExtent } from './block.js';
import type { IoOptions } from './io.js';

/** What tells one host file from another, and a changed one from an unchanged one. */
export interface HostFileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: number;
  readonly mtimeNs: bigint;
}

/** A host file (or block device) opened for random access. Offsets and lengths are bytes. */
export interface HostFile {
  /** Absolute host path. */
  readonly path: string;
  readonly writable: boolean;
  /** True when the host's file alone holds what reads return: no uncommitted writes, no journal replayed virtually. */
  readonly direct?: boolean;
  /** Current size in bytes, also of writes not yet committed. */
  readonly size: number;
  /** Up to `length` bytes; shorter only at the end of the file. */
  read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array>;
  /** As `read`, into memory of the caller; how many bytes there were. Spares whoever reads much a buffer each time. */
  readInto?(offset: number, target: Uint8Array): Promise<number>;
  /** Writes past the end extend the file; a gap reads as zeros. */
  write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void>;
  /** Set the size in bytes. */
  truncate(size: number): Promise<void>;
  /** Make a range read as zeros, giving its space back where the host can. */
  punchHole(offset: number, length: number): Promise<void>;
  /** Allocated runs, where the host can tell (`SEEK_DATA`); one `data` run otherwise. */
  extents(offset: number, length: number): AsyncIterable<BlockExtent>;
  /** Durable on the host (fsync). */
  flush(): Promise<void>;
  identity(): Promise<HostFileIdentity>;
  close(): Promise<void>;
}

/** How to open a host file. */
export interface HostFileOptions {
  readonly writable: boolean;
  /** `exclusive` fails when it exists. */
  readonly create?: 'exclusive' | 'truncate';
  /** Permission bits of a created file; 0o600 unless given. */
  readonly mode?: number;
  /** Override the refusal to write a file that another process holds locked. */
  readonly ignoreLocks?: boolean;
}

/** What stat(2) says of a host path, as far as image formats need it. */
export interface HostStat {
  readonly kind: 'file' | 'directory' | 'block-device' | 'other';
  readonly size: number;
  readonly identity: HostFileIdentity;
}

/**
 * The host's files as the block layer sees them. A backend opens every file through the `HostFiles` it is handed, and so gets
 * transactions, journal recovery, lock checks and the path policy without knowing of them.
 */
export interface HostFiles {
  /**
   * @throws HostError when the host refuses (missing, a directory, no permission)
   * @throws LockedError when opened for writing and another process holds it
   */
  open(path: string, options: HostFileOptions): Promise<HostFile>;
  /** Undefined when there is nothing at `path`. */
  stat(path: string): Promise<HostStat | undefined>;
  /**
   * The path of a file that an image names (backing file, extent, data file), resolved against the image's own folder.
   * @throws CapabilityError when it lies outside that folder and the allow-list
   */
  resolveReference(imagePath: string, reference: string): Promise<string>;
  /**
   * Absolute paths of the other plain files in an image's folder, `limit` at most: where a child that has the image as its backing
   * file would be seen.
   */
  siblings?(imagePath: string, limit: number): Promise<readonly string[]>;
}

/** The right to write one image, held against other processes until released. */
export interface ImageLock {
  /** @throws LockedError when the lock was lost, or another program has locked the image since */
  verify(): Promise<void>;
  release(): Promise<void>;
}

/** How to lock an image. */
export interface LockOptions {
  /** Take it although somebody holds it. */
  readonly ignoreLocks?: boolean;
  /** Respect only processes of VMCraft: the image is served by another program, which holds locks of its own. */
  readonly ownOnly?: boolean;
  /** Fail where no lock can be kept; otherwise go on without. */
  readonly required: boolean;
}

/** Room on the file system that holds a file, bytes. */
export interface HostRoom {
  /** What may still be allocated there. */
  readonly free: number;
  /** What the file itself has allocated. */
  readonly allocated: number;
}

/**
 * What a transaction needs of the host besides opening files. Paths are absolute. A change of a folder (a created, renamed or removed
 * file) survives a power loss only after `flushFolder`; bytes of a file only after its `flush`.
 */
export interface TransactionHost extends HostFiles {
  /** The path without symbolic links, so that one image has one name. */
  realPath(path: string): Promise<string>;
  /** Atomically replaces `to`. */
  rename(from: string, to: string): Promise<void>;
  /** Does nothing when there is no such file. */
  remove(path: string): Promise<void>;
  /** Make created, renamed and removed files of a folder durable. */
  flushFolder(folder: string): Promise<void>;
  /** A new private file (mode 0600) that is gone when closed, or when the process ends. */
  scratch(): Promise<HostFile>;
  /** Undefined where the host cannot tell. */
  room(path: string): Promise<HostRoom | undefined>;
  /**
   * Whether a file beside an image may be believed: a plain file, not a link, that belongs to the user, the image's owner or root. In a
   * folder open to all, anybody can put a journal beside somebody's image.
   */
  trusts(path: string, imagePath: string): Promise<boolean>;
  /**
   * Keep other processes from changing an image, and respect theirs.
   * @throws LockedError when another process holds the image
   * @throws HostError when a required lock cannot be kept, for example in a read-only folder
   */
  lock(path: string, options: LockOptions): Promise<ImageLock>;
  /** The folder of a path, and a name within a folder, in the host's syntax. */
  folderOf(path: string): string;
  nameOf(path: string): string;
  join(folder: string, name: string): string;
}
