import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { MemoryDevice } from '@vmcraft/core/block';
import type { BlockDevice, FileSystem, NamedDevice } from '@vmcraft/core/contracts';
import { listTree } from '@vmcraft/testkit';
import { btrfsDriver } from '../src/index.js';
import { attributesOf } from './support.js';

const FOLDER = join(import.meta.dirname, 'fixtures');
const BLOCK = 4096;

/** How a fixture was made. */
export interface Kind {
  readonly mkfs: readonly string[];
  readonly mount?: string;
  readonly devices: number;
  /** How many devices may be missing. */
  readonly spare?: number;
}
export const KINDS: Readonly<Record<string, Kind>> = JSON.parse(readFileSync(join(FOLDER, 'kinds.json'), 'utf8'));

/** Lines of a text that make.mjs wrote. */
export const linesOf = (name: string, folder = FOLDER): string[] =>
  readFileSync(join(folder, name), 'utf8').trim().split('\n');

/** Unpack the devices of a fixture into files of a folder of the host. */
export async function imagesOf(name: string, folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (const device of await devicesOf(name)) {
    const path = join(folder, `${name}-${paths.length + 1}`);
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

/** The devices of a fixture, each of its size, unpacked into memory. */
export async function devicesOf(name: string, folder = FOLDER): Promise<MemoryDevice[]> {
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

/** Open the first of some devices, the others being there, too. */
export function openFirst(devices: readonly BlockDevice[], warnings: string[] = []): Promise<FileSystem> {
  const [first, ...rest] = devices;
  const others = async (): Promise<readonly NamedDevice[]> =>
    rest.map((device, i) => ({ name: `/dev/vd${'bcdefghij'[i]}`, device }));
  const warn = ({ message }: { message: string }): void => void warnings.push(message);
  return btrfsDriver.open(first!, { readonly: true, peers: async () => rest, others, warn });
}

/** What is seen of a file system, in the form of make.mjs. */
export async function seenOf(devices: readonly BlockDevice[]): Promise<{ tree: string[]; attributes: string[] }> {
  await using fs = await openFirst(devices);
  // The place of a subvolume that a snapshot does not have shows the time of the look.
  const lasting = (line: string): string =>
    line.startsWith('/snap/dir/inner ') ? line.replace(/^((?:\S+ ){3})\S+/, '$1now') : line;
  const tree = (await listTree(fs, { links: true })).map(lasting).sort();
  const short = (line: string): string => {
    const [, head = '', hex = ''] = /^(.*=)([0-9a-f]*)$/.exec(line) ?? [];
    return hex.length <= 64 ? line : head + createHash('sha256').update(hex, 'hex').digest('hex');
  };
  return { tree, attributes: (await attributesOf(fs)).map(short).sort() };
}
