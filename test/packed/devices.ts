import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { MemoryDevice } from '@vmcraft/core/block';

const BLOCK = 4096;
/** Digits of a value that a recipe writes as they are. */
const SHORT = 64;

/** Lines of a text that a recipe wrote. */
export const linesIn = (folder: string, name: string): string[] =>
  readFileSync(join(folder, name), 'utf8').trim().split('\n');

/** The devices of a packed fixture (`pack` of host.mjs), each of its size, unpacked into memory. */
export async function packedDevices(folder: string, name: string): Promise<MemoryDevice[]> {
  const data = gunzipSync(readFileSync(join(folder, `${name}.pack.gz`)));
  const end = data.indexOf('\n');
  const { devices } = JSON.parse(data.toString('utf8', 0, end)) as {
    devices: readonly { size: number; runs: readonly [at: number, count: number, block: number][] }[];
  };
  const made: MemoryDevice[] = [];
  for (const { size, runs } of devices) {
    const device = new MemoryDevice(size);
    for (const [at, count, block] of runs) {
      const start = end + 1 + block * BLOCK;
      await device.write(at * BLOCK, data.subarray(start, start + count * BLOCK));
    }
    made.push(device);
  }
  return made;
}

/** The same as sparse files in a folder of the host. @returns their paths */
export async function packedImages(folder: string, name: string, target: string): Promise<string[]> {
  const paths: string[] = [];
  for (const device of await packedDevices(folder, name)) {
    const path = join(target, `${name}-${paths.length + 1}`);
    const file = openSync(path, 'w');
    ftruncateSync(file, device.size);
    for await (const { offset, length, kind } of device.extents(0, device.size)) {
      if (kind === 'data') writeSync(file, await device.read(offset, length), 0, length, offset);
    }
    closeSync(file);
    paths.push(path);
  }
  return paths;
}

/** A line `path name=hex` as recipes write it: a long value by its hash. */
export function shortened(line: string): string {
  const [, head = '', hex = ''] = /^(.*=)([0-9a-f]*)$/.exec(line) ?? [];
  return hex.length <= SHORT ? line : head + createHash('sha256').update(hex, 'hex').digest('hex');
}
