import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { isZero } from '@vmcraft/core/binary';
import { MemoryDevice } from '@vmcraft/core/block';
import type { BlockDevice, Warning } from '@vmcraft/core/contracts';
import { type DiscoveredDevice, StorageTree } from '@vmcraft/core/storage';
import { mdActivator } from '../src/index.js';

export const FIXTURES = join(dirname(fileURLToPath(import.meta.url)), 'fixtures');

/** The members of an array; see fixtures/README.md. */
export function fixtureMembers(name: string): MemoryDevice[] {
  const files = readdirSync(FIXTURES).filter((file) => /^(.+)-\d+\.img\.gz$/.exec(file)?.[1] === name);
  return files.sort().map((file) => sparse(gunzipSync(readFileSync(join(FIXTURES, file)))));
}

/** A device of which only what is not zero takes memory. */
function sparse(data: Uint8Array): MemoryDevice {
  const device = new MemoryDevice(data.length);
  for (let at = 0; at < data.length; at += 65536) {
    const page = data.subarray(at, at + 65536);
    if (!isZero(page)) void device.write(at, page);
  }
  return device;
}

/** What md read of each array when the fixture was made. */
export const EXPECTED: ReadonlyMap<string, { readonly sha256: string; readonly size: number }> = new Map(
  readFileSync(join(FIXTURES, 'arrays.tsv'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const [name, sha256, size] = line.split('\t') as [string, string, string];
      return [name, { sha256, size: Number(size) }];
    }),
);

/** The tree of some members, its warnings, and its only array. */
export async function discover(devices: readonly BlockDevice[]) {
  const warnings: Warning[] = [];
  const warn = (w: Warning): void => void warnings.push(w);
  const tree = await StorageTree.discover(
    devices.map((device) => ({ device })),
    { activators: [mdActivator], warn },
  );
  const array = tree.find('/dev/md127') as DiscoveredDevice;
  return { tree, array, warnings, text: () => warnings.map((w) => w.message).join('\n') };
}

/** SHA-256 of all bytes of a device, read in steps that divide nothing. */
export async function sha256(device: BlockDevice, step = 77_777): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < device.size; at += step) hash.update(await device.read(at, Math.min(step, device.size - at)));
  return hash.digest('hex');
}
