import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BackendContext, BlockDevice, BlockSession, DriveSpec, Warning } from '@vmcraft/core';
import { hasSparseMap } from '@vmcraft/core';
import { NodeHostFiles } from '@vmcraft/core/runtime';
import { afterAll } from 'vitest';
import { imageBackend } from '../src/index.js';

const run = promisify(execFile);

/** A folder of its own for one test file, removed when its tests are done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-image-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Run a host program; its standard output. */
export async function tool(name: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(name, args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** `qemu-img info` of an image. */
export async function qemuInfo(path: string, ...options: string[]): Promise<Record<string, unknown>> {
  return JSON.parse(await tool('qemu-img', 'info', '-U', '--output=json', ...options, path)) as Record<string, unknown>;
}

/** A context on the real file system that keeps warnings. */
export function context(warnings: Warning[] = []): BackendContext {
  return { files: new NodeHostFiles(), warn: (w) => warnings.push(w) };
}

/** Open an image, read-only unless said otherwise. */
export function openDrive(path: string, drive: Partial<DriveSpec> = {}, warnings?: Warning[]): Promise<BlockSession> {
  return imageBackend.open({ path, readonly: true, ...drive }, context(warnings));
}

/** Hash of a device's contents, read in pieces of `piece` bytes. */
export async function sha256(device: BlockDevice, piece = 1 << 20): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < device.size; at += piece) hash.update(await device.read(at, Math.min(piece, device.size - at)));
  return hash.digest('hex');
}

/** Hash of the contents that only reads what the sparse map calls data. */
export async function sparseSha256(device: BlockDevice): Promise<string> {
  if (!hasSparseMap(device)) throw new Error('the device has no sparse map');
  const hash = createHash('sha256');
  const zeros = new Uint8Array(1 << 20);
  let end = 0;
  for await (const extent of device.extents(0, device.size)) {
    if (extent.offset !== end || extent.length <= 0) throw new Error(`extent at ${extent.offset}, expected ${end}`);
    end += extent.length;
    for (let at = extent.offset; at < end; at += zeros.length) {
      const length = Math.min(zeros.length, end - at);
      hash.update(extent.kind === 'data' ? await device.read(at, length) : zeros.subarray(0, length));
    }
  }
  if (end !== device.size) throw new Error(`extents end at ${end}, expected ${device.size}`);
  return hash.digest('hex');
}

/** Repeatable random numbers (mulberry32), 0 to 2^32 - 1. */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** A disk's worth of bytes with data, repeated text and holes of many lengths. */
export function patchwork(size: number, seed: number): Uint8Array {
  const random = randomSource(seed);
  const data = new Uint8Array(size);
  for (let at = 0; at < size; ) {
    const length = Math.min(size - at, 512 * (1 + (random() % 400)));
    const style = random() % 4;
    if (style === 1) data.fill(random() & 0xff, at, at + length);
    else if (style >= 2)
      for (let i = at; i < at + length; i++) data[i] = style === 2 ? random() & 0xff : (i >> 4) & 0xff;
    at += length;
  }
  return data;
}
