import { execFileSync } from 'node:child_process';
import {
  closeSync,
  createReadStream,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createGunzip } from 'node:zlib';
import { isZero } from '../../src/binary/index.js';
import type { BlockDevice } from '../../src/contracts/index.js';
import { TruncatedImageError } from '../../src/errors/index.js';

/** Folder of real images beside the repository. */
export const DATA = resolve(fileURLToPath(import.meta.url), '../../../../../../shared/data');

/** A plain host file as a device, so that the tools of the host can look at the same bytes. */
export class DiskFile implements BlockDevice {
  readonly writable = true;
  readonly size: number;
  readonly #fd: number;

  constructor(
    readonly path: string,
    readonly sectorSize: 512 | 4096 = 512,
  ) {
    this.#fd = openSync(path, 'r+');
    this.size = fstatSync(this.#fd).size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (offset < 0 || offset + length > this.size) {
      throw new TruncatedImageError({ structure: 'file', offset, needed: length, available: this.size - offset });
    }
    const out = new Uint8Array(length);
    readSync(this.#fd, out, 0, length, offset);
    return out;
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    if (offset < 0 || offset + data.length > this.size) throw new RangeError(`write past the end: ${offset}`);
    writeSync(this.#fd, data, 0, data.length, offset);
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {
    closeSync(this.#fd);
  }
}

/** A folder for one test file, and disks in it. */
export class Scratch {
  readonly folder = mkdtempSync(join(tmpdir(), 'vmcraft-core-'));
  readonly #open: DiskFile[] = [];
  #count = 0;

  /** An empty disk of `size` bytes. */
  disk(size: number, sectorSize: 512 | 4096 = 512): DiskFile {
    const path = this.path();
    const fd = openSync(path, 'w');
    ftruncateSync(fd, size);
    closeSync(fd);
    return this.open(path, sectorSize);
  }

  path(): string {
    this.#count += 1;
    return join(this.folder, `disk${this.#count}.img`);
  }

  open(path: string, sectorSize: 512 | 4096 = 512): DiskFile {
    const disk = new DiskFile(path, sectorSize);
    this.#open.push(disk);
    return disk;
  }

  /** A sparse plain copy of an image of the data folder, unpacked when its name ends in `.gz`. */
  async unpack(file: string): Promise<DiskFile> {
    const path = this.path();
    const fd = openSync(path, 'w');
    const source = createReadStream(join(DATA, file));
    let at = 0;
    for await (const chunk of file.endsWith('.gz') ? source.pipe(createGunzip({ chunkSize: 1 << 20 })) : source) {
      const data = chunk as Uint8Array;
      if (!isZero(data)) writeSync(fd, data, 0, data.length, at);
      at += data.length;
    }
    ftruncateSync(fd, at);
    closeSync(fd);
    return this.open(path);
  }

  async remove(): Promise<void> {
    for (const disk of this.#open) await disk.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Standard output of a host program. */
export function run(program: string, args: readonly string[], input?: string): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(input === undefined ? {} : { input }),
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, LC_ALL: 'C' },
  });
}
