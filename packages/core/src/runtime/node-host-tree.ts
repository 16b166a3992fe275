import { constants, type Stats } from 'node:fs';
import { chmod, link, lstat, lutimes, mkdir, open, readdir, readlink, symlink, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ByteSink, HostCreateOptions, HostEntry, HostTree } from '../contracts/index.js';
import { type HostError, UsageError } from '../errors/index.js';
import { hostError } from './node-host-error.js';

const PERMISSIONS = 0o7777;

/** The host's tree through Node's own calls. */
export class NodeHostTree implements HostTree {
  async lstat(path: string): Promise<HostEntry | undefined> {
    try {
      return entryOf(await lstat(path));
    } catch (error) {
      const failure = hostError(path, 'lstat', error);
      if (isMissing(failure)) return undefined;
      throw failure;
    }
  }

  async list(path: string): Promise<readonly string[]> {
    return (await attempt(path, 'read directory', () => readdir(path))).sort();
  }

  readlink(path: string): Promise<string> {
    return attempt(path, 'readlink', () => readlink(path));
  }

  async mkdir(path: string, mode: number): Promise<void> {
    await attempt(path, 'mkdir', () => mkdir(path, { mode }));
  }

  async symlink(target: string, path: string): Promise<void> {
    await attempt(path, 'symlink', () => symlink(target, path));
  }

  async link(existing: string, path: string): Promise<void> {
    await attempt(path, 'link', () => link(existing, path));
  }

  async unlink(path: string): Promise<void> {
    await attempt(path, 'unlink', () => unlink(path));
  }

  async setAttributes(path: string, attributes: Parameters<HostTree['setAttributes']>[1]): Promise<void> {
    const { mode, mtime } = attributes;
    if (mode !== undefined) await attempt(path, 'chmod', () => chmod(path, mode & PERMISSIONS));
    if (mtime !== undefined) {
      const seconds = mtime.sec + mtime.nsec / 1e9;
      await attempt(path, 'set times', () => lutimes(path, seconds, seconds));
    }
  }

  join(directory: string, name: string): string {
    if (name === '' || name === '.' || name === '..' || name.includes('/')) {
      throw new UsageError(`'${name}' is not a file name`);
    }
    const path = join(directory, name);
    // A name that separates on this host, though it does not in the guest.
    if (basename(path) !== name) throw new UsageError(`'${name}' is not a file name on this host`);
    return path;
  }

  basename(path: string): string {
    return basename(path);
  }
}

/** A host file that takes bytes; a new one that fails half-way is removed. */
export async function createHostFile(path: string, options: HostCreateOptions = {}): Promise<ByteSink> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_TRUNC, O_NOFOLLOW } = constants;
  const exclusive = options.exclusive === true;
  const before = exclusive ? undefined : await lstat(path).catch(() => undefined);
  const flags = O_WRONLY | O_CREAT | (exclusive ? O_EXCL | O_NOFOLLOW : O_TRUNC);
  const handle = await attempt(path, 'create', () => open(path, flags, options.mode ?? 0o666));
  let isOpen = true;
  let skipped = 0;
  let position = 0;
  const close = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await attempt(path, 'close', () => handle.close());
  };
  const isRegular = (await attempt(path, 'stat', () => handle.stat())).isFile();
  const write = async (chunk: Uint8Array): Promise<void> => {
    // Pipes and devices have no positions.
    const from = skipped > 0 ? position : null;
    for (let at = 0; at < chunk.length; ) {
      const to = from === null ? null : from + at;
      at += (await attempt(path, 'write', () => handle.write(chunk, at, chunk.length - at, to))).bytesWritten;
    }
    position += chunk.length;
  };
  const skip = (length: number): void => {
    skipped += length;
    position += length;
  };
  return {
    isTransient: true,
    write,
    ...(isRegular ? { skip } : {}),
    async close() {
      if (skipped > 0) await attempt(path, 'truncate', () => handle.truncate(position));
      await close();
    },
    async abort() {
      await close();
      if (before === undefined) await unlink(path).catch(() => undefined);
    },
  };
}

async function attempt<T>(path: string, operation: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw hostError(path, operation, error);
  }
}

function isMissing(error: HostError): boolean {
  const { errno } = error.data;
  return errno === 'ENOENT' || errno === 'ENOTDIR';
}

function kindOf(stat: Stats): HostEntry['kind'] {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isBlockDevice()) return 'block-device';
  if (stat.isCharacterDevice()) return 'character-device';
  return stat.isFIFO() ? 'fifo' : 'socket';
}

function entryOf(stat: Stats): HostEntry {
  const { uid, gid, size, rdev, dev, ino } = stat;
  const seconds = Math.floor(stat.mtimeMs / 1000);
  return {
    kind: kindOf(stat),
    mode: stat.mode & PERMISSIONS,
    uid,
    gid,
    size,
    // st_blocks has units of 512 bytes; hosts without it count as having no holes.
    allocated: stat.blocks === undefined ? size : stat.blocks * 512,
    // makedev(3) of glibc for numbers below 2^12 and 2^20.
    rdev: { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) },
    mtime: { sec: seconds, nsec: Math.floor((stat.mtimeMs - seconds * 1000) * 1e6) },
    ...(stat.nlink > 1 && !stat.isDirectory() ? { link: `${dev}:${ino}` } : {}),
  };
}
