import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { isZero } from '@vmcraft/core/binary';
import { MemoryDevice } from '@vmcraft/core/block';
import type { BlockDevice, Warning } from '@vmcraft/core/contracts';
import { StorageTree } from '@vmcraft/core/storage';
import { lvmActivator } from '../src/index.js';

export const FIXTURES = join(dirname(fileURLToPath(import.meta.url)), 'fixtures');

/** The disks of a fixture; see fixtures/README.md. */
export function fixtureDisks(group: string): MemoryDevice[] {
  const files = readdirSync(FIXTURES).filter((name) => name.startsWith(`${group}-`) && name.endsWith('.img.gz'));
  return files.sort().map((name) => sparse(gunzipSync(readFileSync(join(FIXTURES, name)))));
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

/** What device mapper read of each volume when the fixture was made. */
export interface ExpectedVolume {
  readonly name: string;
  readonly sha256: string;
  readonly size: number;
}

/** Volumes of a fixture by name. */
export function expectedVolumes(group: string): ExpectedVolume[] {
  const lines = readFileSync(join(FIXTURES, 'volumes.tsv'), 'utf8').trim().split('\n');
  return lines.flatMap((line) => {
    const [of, name, sha256, size] = line.split('\t') as [string, string, string, string];
    return of === group ? [{ name: `/dev/${name}`, sha256, size: Number(size) }] : [];
  });
}

/** A tree of disks, and the warnings of its discovery. */
export async function discover(
  devices: readonly BlockDevice[],
): Promise<{ readonly tree: StorageTree; readonly warnings: Warning[]; text(): string }> {
  const warnings: Warning[] = [];
  const warn = (w: Warning): void => void warnings.push(w);
  const tree = await StorageTree.discover(
    devices.map((device) => ({ device })),
    { activators: [lvmActivator], warn },
  );
  return { tree, warnings, text: () => warnings.map((w) => w.message).join('\n') };
}

/** SHA-256 of all bytes of a device. */
export async function sha256(device: BlockDevice, step = 1 << 20): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < device.size; at += step) hash.update(await device.read(at, Math.min(step, device.size - at)));
  return hash.digest('hex');
}
