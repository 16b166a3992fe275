import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { type FileHandle, open, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { TruncatedImageError } from '@vmcraft/core/errors';

/** A raw image file as a block device, with nothing in between. */
export class ImageDevice implements BlockDevice {
  readonly sectorSize = 512;
  readonly #file: FileHandle;
  readonly size: number;
  readonly writable: boolean;

  private constructor(file: FileHandle, size: number, writable: boolean) {
    this.#file = file;
    this.size = size;
    this.writable = writable;
  }

  static async open(path: string, writable = true): Promise<ImageDevice> {
    const file = await open(path, writable ? 'r+' : 'r');
    return new ImageDevice(file, (await file.stat()).size, writable);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const data = new Uint8Array(length);
    const { bytesRead } = await this.#file.read(data, 0, length, offset);
    if (bytesRead !== length) {
      throw new TruncatedImageError({ structure: 'image', offset, needed: length, available: bytesRead });
    }
    return data;
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    if (offset + data.length > this.size) {
      throw new TruncatedImageError({ structure: 'image', offset, needed: data.length, available: this.size - offset });
    }
    await this.#file.write(data, 0, data.length, offset);
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** A folder for images that goes away with `remove`. */
export class Workspace {
  readonly folder = mkdtempSync(join(tmpdir(), 'vmcraft-ext-'));

  path(name: string): string {
    return join(this.folder, name);
  }

  /** An empty image file of `size` MiB, sparse. */
  async blank(name: string, size: number): Promise<string> {
    const path = this.path(name);
    await (await open(path, 'w')).close();
    await truncate(path, size * 1024 * 1024);
    return path;
  }

  /** An image made by mke2fs with fixed identity. */
  async mke2fs(name: string, size: number, args: readonly string[]): Promise<string> {
    const path = await this.blank(name, size);
    const fixed = [
      '-U',
      '11111111-2222-3333-4444-555555555555',
      '-E',
      'hash_seed=66666666-7777-8888-9999-aaaaaaaaaaaa',
    ];
    execFileSync('mke2fs', ['-q', '-F', ...fixed, ...args, path], { stdio: 'pipe' });
    return path;
  }

  /** VMCRAFT_EXT_KEEP leaves the images for a look. */
  remove(): void {
    if (process.env.VMCRAFT_EXT_KEEP !== undefined) return;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What `e2fsck -fn` has against an image; undefined when it is clean. Quota usage is left to e2fsck by design. */
export function e2fsckComplaints(image: string): string | undefined {
  const run = spawnSync('e2fsck', ['-f', '-n', image], { encoding: 'utf8' });
  if (run.status === 0) return undefined;
  const lines = run.stdout
    .split('\n')
    .filter((line) => !/QUOTA WARNING|quota.*inconsistent|Update quota info/i.test(line));
  const defects = lines.filter((line) => line.trim() !== '' && !/^Pass \d|^e2fsck|files \(|\*{5}/.test(line));
  return defects.length === 0 ? undefined : `${run.stdout}${run.stderr}`;
}
