import * as fs from 'node:fs';
import { open as openFile, realpath, stat as statFile } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import type { HostFile, HostFileOptions, HostFiles, HostStat } from '../contracts/index.js';
import { CapabilityError, HostError } from '../errors/index.js';
import { blockDeviceSize } from './node-block-size.js';
import { hostError } from './node-host-error.js';
import { NodeHostFile } from './node-host-file.js';

/** How {@link NodeHostFiles} behaves. */
export interface NodeHostFilesOptions {
  /** Folders, besides the image's own, where files that an image names may lie. */
  readonly allowReferences?: readonly string[];
}

/** Host files through Node's own file system calls. */
export class NodeHostFiles implements HostFiles {
  readonly #allowed: readonly string[];

  constructor(options: NodeHostFilesOptions = {}) {
    this.#allowed = options.allowReferences ?? [];
  }

  async open(path: string, options: HostFileOptions): Promise<HostFile> {
    const absolute = resolve(path);
    // Opening a FIFO would wait for a writer: look before opening.
    if (options.create === undefined) requireOpenable(absolute, await this.#stat(absolute, 'open'));
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
