import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { MemoryDevice } from '@vmcraft/core/block';
import type { DirEntry, FileSystem, FsAbilities, FsNode } from '@vmcraft/core/contracts';
import { ntfsDriver } from '../src/index.js';

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

/** Write a device to a host file, leaving holes where it has none. */
export async function saveImage(device: MemoryDevice, path: string): Promise<string> {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, device.size);
  for await (const run of device.extents(0, device.size)) {
    if (run.kind === 'data') writeSync(fd, await device.read(run.offset, run.length), 0, run.length, run.offset);
  }
  closeSync(fd);
  return path;
}

/** Open for writing. */
export async function openWritable(device: MemoryDevice, mountOptions: string[] = []): Promise<WritableFileSystem> {
  return (await ntfsDriver.open(device, { readonly: false, mountOptions })) as WritableFileSystem;
}

/** All entries of a directory. */
export async function list(fs: FileSystem, dir: FsNode = fs.root): Promise<DirEntry[]> {
  const out: DirEntry[] = [];
  for await (const entry of fs.readdir(dir)) out.push(entry);
  return out;
}

/** Names in a directory, sorted. */
export async function names(fs: FileSystem, dir: FsNode = fs.root): Promise<string[]> {
  return (await list(fs, dir)).map((entry) => entry.name).sort();
}

/** Every object below a directory by path. */
export async function walk(fs: FileSystem, dir: FsNode = fs.root, at = ''): Promise<Map<string, FsNode>> {
  const out = new Map<string, FsNode>();
  for (const entry of await list(fs, dir)) {
    out.set(at + entry.name, entry.node);
    if (entry.type !== 'd') continue;
    for (const [path, node] of await walk(fs, entry.node, `${at}${entry.name}/`)) out.set(path, node);
  }
  return out;
}

/** The whole contents of a file. */
export async function contents(fs: FileSystem, node: FsNode): Promise<Uint8Array> {
  return fs.read(node, 0, (await fs.stat(node)).size);
}

/** A node by path. */
export async function at(fs: FileSystem, path: string): Promise<FsNode> {
  let node = fs.root;
  for (const part of path.split('/').filter((p) => p !== '')) {
    const next = await fs.lookup(node, part);
    if (next === undefined) throw new Error(`${path}: ${part} is not there`);
    node = next;
  }
  return node;
}

export const FILE = 0o100644;
export const DIR = 0o040755;

/** Bytes that differ from place to place. */
export function pattern(length: number, seed = 1): Uint8Array {
  const out = new Uint8Array(length);
  for (let i = 0, x = seed; i < length; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    out[i] = x >>> 16;
  }
  return out;
}
