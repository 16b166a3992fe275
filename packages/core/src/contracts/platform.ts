import type { Ciphers } from './ciphers.js';
import type { BlockCodecs } from './codecs.js';
import type { Timestamp } from './filesystem.js';

/** Where bytes go. `close()` is called once at the end, `abort()` instead when the work fails. */
export interface ByteSink {
  /** A chunk is done with when its `write` is: it may lie in memory that is used again. */
  readonly isTransient?: boolean;
  write(chunk: Uint8Array): Promise<void> | void;
  /** Pass over `length` bytes that are zeros, leaving a hole. Sinks that cannot have holes have no such method. */
  skip?(length: number): Promise<void> | void;
  close?(): Promise<void> | void;
  abort?(reason: unknown): Promise<void> | void;
}

/** Checksums: `crc` is the one of POSIX cksum(1). */
export type HashAlgorithm = 'crc' | 'md5' | 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

/** A checksum in the making. */
export interface Hasher {
  update(chunk: Uint8Array): void;
  /** The sum as the command of that name prints it: lower-case hexadecimal, decimal for `crc`. Once only. */
  digest(): string;
}

/** Stream compressions, by the names that guestfs uses. */
export type CompressionType = 'gzip' | 'bzip2' | 'xz' | 'zstd' | 'lzop' | 'lzma' | 'compress';

/** What this host can do with a compression. */
export interface CompressionSupport {
  readonly compress: boolean;
  readonly decompress: boolean;
  /** Why one of them is missing. */
  readonly reason?: string;
}

/** What lstat(2) says of a host path. */
export interface HostEntry {
  readonly kind: 'file' | 'directory' | 'symlink' | 'block-device' | 'character-device' | 'fifo' | 'socket';
  /** Permission bits, setuid, setgid and sticky included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  /** Bytes that it takes on the host; fewer than `size` where it has holes. */
  readonly allocated: number;
  readonly rdev: { readonly major: number; readonly minor: number };
  readonly mtime: Timestamp;
  /** The same for all names of an object that has several and is no directory; else undefined. */
  readonly link?: string;
}

/** How to make a host file. */
export interface HostCreateOptions {
  /** Permission bits of a new file, cut by the host's umask; 0o666 unless given. */
  readonly mode?: number;
  /** Fail when anything is at the path, and go through no link: for names that come from a guest. */
  readonly exclusive?: boolean;
}

/** The host's tree of files, for copying trees in and out. Links are never followed at the last name. All errors are HostError. */
export interface HostTree {
  /** Undefined when nothing is there. */
  lstat(path: string): Promise<HostEntry | undefined>;
  /** Names in a directory, sorted. */
  list(path: string): Promise<readonly string[]>;
  readlink(path: string): Promise<string>;
  /** Fails when anything is at the path. */
  mkdir(path: string, mode: number): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  /** Another name for a file; a symbolic link at its end is not followed. Fails when anything is at the path. */
  link(existing: string, path: string): Promise<void>;
  /** Take a name away that is no directory. */
  unlink(path: string): Promise<void>;
  /** Permissions and modification time of a file or directory. */
  setAttributes(path: string, attributes: { readonly mode?: number; readonly mtime?: Timestamp }): Promise<void>;
  join(directory: string, name: string): string;
  basename(path: string): string;
}

/** What the host gives to actions besides image files: streams, checksums, compression, time, random bytes. */
export interface HostPlatform {
  hash(algorithm: HashAlgorithm): Hasher;
  compression(type: CompressionType): CompressionSupport;
  /** @throws CapabilityError when `compression(type).compress` is false */
  compress(type: CompressionType, source: AsyncIterable<Uint8Array>, level?: number): AsyncIterable<Uint8Array>;
  /**
   * @throws CapabilityError when `compression(type).decompress` is false
   * @throws CorruptImageError when the bytes are no such stream
   */
  decompress(type: CompressionType, source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /**
   * Contents of a host file, or standard input for `-`. With `reuse` a chunk is only good until the next one is asked for.
   * @throws HostError
   */
  read(path: string, options?: { readonly reuse?: boolean }): AsyncIterable<Uint8Array>;
  /** A new or emptied host file, or standard output for `-`. @throws HostError */
  create(path: string, options?: HostCreateOptions): Promise<ByteSink>;
  readonly tree: HostTree;
  /** Undefined where the host has none: what needs them brings its own, slower ones. */
  readonly ciphers?: Ciphers;
  /** As `ciphers`. */
  readonly codecs?: BlockCodecs;
  /** What the first bytes of a file are, in the words of file(1). Not for no bytes. */
  describeContent(head: Uint8Array): Promise<string>;
  randomBytes(length: number): Uint8Array;
  now(): Timestamp;
  /** Resolves after `milliseconds`, rejects with AbortedError when the signal fires. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** An environment variable of the process. */
  env(name: string): string | undefined;
  /** Facts of the process and host for the functions that report them. */
  readonly process: { readonly pid: number; readonly program: string; readonly temporaryFolder: string };
}
