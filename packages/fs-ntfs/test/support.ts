import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { MemoryDevice } from '@vmcraft/core/block';
import type { FileSystem, FsAbilities } from '@vmcraft/core/contracts';
import { ntfsDriver } from '../src/index.js';

export {
  contentsOf as contents,
  listEntries as list,
  namesIn as names,
  nodeAt as at,
  nodesBelow as walk,
  pattern,
  saveImage,
} from '@vmcraft/testkit';

/** The folder of real images, beside the repository. */
export const DATA = resolve(import.meta.dirname, '../../../../shared/data');

export type WritableFileSystem = FileSystem & FsAbilities['write'];

/** An image of the data folder as a device. */
export function loadImage(file: string, from = 0, length?: number): MemoryDevice {
  const raw = readFileSync(resolve(DATA, file));
  const plain = file.endsWith('.gz') ? gunzipSync(raw) : raw;
  return MemoryDevice.from(plain.subarray(from, length === undefined ? undefined : from + length), { writable: true });
}

/** A volume as mkntfs makes it. */
export function mkntfs(size: number, options: readonly string[] = []): MemoryDevice {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-ntfs-'));
  try {
    const path = join(folder, 'image');
    closeSync(openSync(path, 'w'));
    truncateSync(path, size);
    execFileSync('mkntfs', ['-F', '-f', '-q', ...options, path], { stdio: 'pipe' });
    return MemoryDevice.from(readFileSync(path), { writable: true });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Open for writing. */
export async function openWritable(device: MemoryDevice, mountOptions: string[] = []): Promise<WritableFileSystem> {
  return (await ntfsDriver.open(device, { readonly: false, mountOptions })) as WritableFileSystem;
}

export const FILE = 0o100644;
export const DIR = 0o040755;
