import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { MemoryDevice } from '@vmcraft/core/block';
import type { FileSystem, FsAbilities } from '@vmcraft/core/contracts';
import { fatDriver } from '../src/index.js';

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

export type WritableFileSystem = FileSystem & FsAbilities['write'] & FsAbilities['label'] & FsAbilities['trim'];

/** An image of the data folder as a device. */
export function loadImage(file: string, writable = false): MemoryDevice {
  const raw = readFileSync(resolve(DATA, file));
  const plain = file.endsWith('.gz') ? gunzipSync(raw) : raw;
  return MemoryDevice.from(plain, { writable });
}

/** A freshly formatted device. */
export async function formatted(
  type: string,
  size: number,
  options: {
    label?: string;
    uuid?: string;
    blockSize?: number;
    sectorSize?: number;
    extra?: Record<string, number>;
  } = {},
): Promise<MemoryDevice> {
  const device = new MemoryDevice(size, { sectorSize: options.sectorSize === 4096 ? 4096 : 512 });
  await fatDriver.format!(device, type, options);
  return device;
}

/** Open for writing. */
export async function openWritable(device: MemoryDevice, mountOptions: string[] = []): Promise<WritableFileSystem> {
  return (await fatDriver.open(device, { readonly: false, mountOptions })) as WritableFileSystem;
}

export const FILE = 0o100644;
export const DIR = 0o040755;
