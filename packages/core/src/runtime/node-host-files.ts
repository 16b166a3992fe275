import * as fs from 'node:fs';
import { lstat, opendir, open as openFile, realpath, rename, rm, stat as statFile, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import type {
  HostFile,
  HostFileOptions,
  HostRoom,
  HostStat,
  ImageLock,
  LockOptions,
  TransactionHost,
} from '../contracts/index.js';
import { CapabilityError, HostError, LockedError } from '../errors/index.js';
import { blockDeviceSize } from './node-block-size.js';
import { nodeCrypto } from './node-builtins.js';
import { hostError } from './node-host-error.js';
import { NodeHostFile } from './node-host-file.js';
import { NodeImageLock } from './node-image-lock.js';
import { foreignLock, holderOf } from './node-kernel-locks.js';

/** How {@link NodeHostFiles} behaves. */
export interface NodeHostFilesOptions {
  /** Folders, besides the image's own, where files that an image names may lie. */
  readonly allowReferences?: readonly string[];
  /** Folder of private temporary files; the system's own unless given. */
  readonly scratchFolder?: string;
}

/** Host files through Node's own file system calls. */
export class NodeHostFiles implements TransactionHost {
  readonly #allowed: readonly string[];
  readonly #scratchFolder: string;

  constructor(options: NodeHostFilesOptions = {}) {
    this.#allowed = options.allowReferences ?? [];
    this.#scratchFolder = options.scratchFolder ?? tmpdir();
  }

  async open(path: string, options: HostFileOptions): Promise<HostFile> {
    const absolute = resolve(path);
    // Opening a FIFO would wait for a writer: look before opening.
    if (options.create === undefined) {
      const found = await this.#stat(absolute, 'open');
      requireOpenable(absolute, found);
      if (options.writable && options.ignoreLocks !== true) await requireUnlocked(absolute, found);
    }
    const fd = await openDescriptor(absolute, options);
    try {
      const stat = await fstat(fd);
      requireOpenable(absolute, stat);
      const device = stat.isBlockDevice();
      const size = device ? await deviceSize(fd, stat) : Number(stat.size);
      return new NodeHostFile(fd, absolute, options.writable, size, device);
    } catch (error) {
      fs.closeSync(fd);
      throw hostError(absolute, 'open', error);
    }
  }

  async stat(path: string): Promise<HostStat | undefined> {
    const absolute = resolve(path);
    let stat: fs.BigIntStats;
    try {
      stat = await this.#stat(absolute, 'stat');
    } catch (error) {
      const errno = (error as HostError).data.errno;
      if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
      throw error;
    }
    const size = stat.isBlockDevice() ? await this.#sizeOfDevice(absolute, stat) : Number(stat.size);
    return { kind: kindOf(stat), size, identity: { dev: stat.dev, ino: stat.ino, size, mtimeNs: stat.mtimeNs } };
  }

  async resolveReference(imagePath: string, reference: string): Promise<string> {
    const folder = dirname(await real(resolve(imagePath)));
    const wanted = resolve(folder, reference);
    const target = await real(wanted);
    for (const allowed of [folder, ...this.#allowed]) {
      if (isWithin(await real(resolve(allowed)), target)) return target;
    }
    const reason = `${reference} lies outside the image's own folder`;
    throw new CapabilityError({ capability: 'follow references', subject: imagePath, reason });
  }

  async siblings(imagePath: string, limit: number): Promise<readonly string[]> {
    const own = await this.realPath(imagePath);
    const found: string[] = [];
    try {
      for await (const entry of await opendir(dirname(own))) {
        if (found.length >= limit) break;
        if (entry.isFile() && entry.name !== basename(own)) found.push(join(dirname(own), entry.name));
      }
    } catch (error) {
      throw hostError(dirname(own), 'list', error);
    }
    return found;
  }

  realPath(path: string): Promise<string> {
    return real(resolve(path));
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(from, to).catch((error: unknown) => {
      throw hostError(to, 'rename', error);
    });
  }

  async remove(path: string): Promise<void> {
    await rm(path, { force: true }).catch((error: unknown) => {
      throw hostError(path, 'remove', error);
    });
  }

  async flushFolder(folder: string): Promise<void> {
    try {
      const handle = await openFile(folder, 'r');
      await handle.sync().finally(() => handle.close());
    } catch (error) {
      // Some file systems (FUSE, CIFS) cannot flush a folder, and Windows cannot open one.
      if (!['EINVAL', 'ENOTSUP', 'EISDIR', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) {
        throw hostError(folder, 'fsync', error);
      }
    }
  }

  async scratch(): Promise<HostFile> {
    const unnamed = await openUnnamed(this.#scratchFolder);
    if (unnamed !== undefined) return new NodeHostFile(unnamed, this.#scratchFolder, true, 0, false);
    const path = join(this.#scratchFolder, `vmcraft-${nodeCrypto().randomUUID()}`);
    const file = await this.open(path, { writable: true, create: 'exclusive', mode: 0o600 });
    // Without a name it is gone with the process, however that ends.
    await this.remove(path);
    return file;
  }

  async room(path: string): Promise<HostRoom | undefined> {
    try {
      const stat = await statFile(path, { bigint: true });
      if (!stat.isFile()) return undefined;
      const system = await statfs(dirname(path), { bigint: true });
      return { free: Number(system.bavail * system.bsize), allocated: Number(stat.blocks) * 512 };
    } catch {
      return undefined;
    }
  }

  async trusts(path: string, imagePath: string): Promise<boolean> {
    const own = process.geteuid?.();
    try {
      const file = await lstat(path);
      if (!file.isFile()) return false;
      if (own === undefined) return true;
      const writableByAll = (file.mode & 0o002) !== 0;
      return !writableByAll && [own, 0, (await statFile(imagePath)).uid].includes(file.uid);
    } catch (error) {
      throw hostError(path, 'stat', error);
    }
  }

  async lock(path: string, options: LockOptions): Promise<ImageLock> {
    const heed = options.ignoreLocks !== true && options.ownOnly !== true;
    const verify = async (): Promise<void> => {
      if (heed) await requireUnlocked(path, await this.#stat(path, 'lock'));
    };
    await verify();
    const own = await NodeImageLock.acquire(path, options);
    return {
      verify: async () => {
        await own?.verify();
        await verify();
      },
      release: async () => own?.release(),
    };
  }

  folderOf(path: string): string {
    return dirname(path);
  }

  nameOf(path: string): string {
    return basename(path);
  }

  join(folder: string, name: string): string {
    return join(folder, name);
  }

  async #stat(path: string, operation: string): Promise<fs.BigIntStats> {
    try {
      return await statFile(path, { bigint: true });
    } catch (error) {
      throw hostError(path, operation, error);
    }
  }

  async #sizeOfDevice(path: string, stat: fs.BigIntStats): Promise<number> {
    const handle = await openFile(path, 'r').catch((error: unknown) => {
      throw hostError(path, 'open', error);
    });
    try {
      return await deviceSize(handle.fd, stat);
    } finally {
      await handle.close();
    }
  }
}

function openDescriptor(path: string, options: HostFileOptions): Promise<number> {
  const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC } = fs.constants;
  const create = { exclusive: O_CREAT | O_EXCL, truncate: O_CREAT | O_TRUNC };
  const flags = (options.writable ? O_RDWR : O_RDONLY) | (options.create === undefined ? 0 : create[options.create]);
  return new Promise((done, fail) => {
    fs.open(path, flags, options.mode ?? 0o600, (error, fd) =>
      error === null ? done(fd) : fail(hostError(path, 'open', error)),
    );
  });
}

/** Linux: O_TMPFILE of open(2), which Node does not name. A file that never has a name leaves none behind, whenever we are killed. */
const O_TMPFILE = 0o20000000;

/** Undefined where the file system, or the host, has no unnamed files. */
function openUnnamed(folder: string): Promise<number | undefined> {
  if (process.platform !== 'linux') return Promise.resolve(undefined);
  const { O_RDWR, O_DIRECTORY, O_EXCL } = fs.constants;
  return new Promise((done) => {
    fs.open(folder, O_RDWR | O_DIRECTORY | O_EXCL | O_TMPFILE, 0o600, (error, fd) => {
      done(error === null ? fd : undefined);
    });
  });
}

function fstat(fd: number): Promise<fs.BigIntStats> {
  return new Promise((done, fail) => {
    fs.fstat(fd, { bigint: true }, (error, stat) => (error === null ? done(stat) : fail(error)));
  });
}

function kindOf(stat: fs.BigIntStats): HostStat['kind'] {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  return stat.isBlockDevice() ? 'block-device' : 'other';
}

function requireOpenable(path: string, stat: fs.BigIntStats): void {
  const kind = kindOf(stat);
  if (kind === 'file' || kind === 'block-device') return;
  if (kind === 'directory') {
    throw new HostError({ path, operation: 'open', errno: 'EISDIR', reason: 'is a directory' });
  }
  throw new HostError({ path, operation: 'open', errno: 'EINVAL', reason: 'is neither a file nor a block device' });
}

function deviceSize(fd: number, stat: fs.BigIntStats): Promise<number> {
  const probe = new Uint8Array(1);
  return blockDeviceSize(stat.rdev, (offset) => {
    return new Promise((done) => {
      fs.read(fd, probe, 0, 1, offset, (error, n) => done(error === null && n === 1));
    });
  });
}

async function real(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    throw hostError(path, 'resolve', error);
  }
}

/** Whether `path` is `folder` or below it; both without symbolic links. */
function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/** @throws LockedError when another process holds a lock that speaks against writing */
async function requireUnlocked(path: string, stat: fs.BigIntStats): Promise<void> {
  const lock = await foreignLock(stat.dev, stat.ino);
  if (lock === undefined) return;
  const holder = await holderOf(path);
  const who = holder ?? (lock.pid === undefined ? 'another process' : `the process ${lock.pid}`);
  const pid = lock.pid ?? Number(/pid (\d+)/.exec(holder ?? '')?.[1]);
  const details = { path, reason: `${who} holds it locked`, force: 'ignoreLocks' };
  throw new LockedError(Number.isNaN(pid) ? details : { ...details, pid });
}
