import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GuestFS } from 'vmcraft';

const FIXTURES = join(import.meta.dirname, '../../packages/storage-ldm/test/fixtures');

/** What the disks are taken apart with. */
export const DISKS_NEED = ['tar', 'xz'] as const;

/** GUIDs and names of the two disk groups. */
export const GROUPS = {
  '2003r2': { guid: '03c0c4fc-8b6f-402b-9431-4be2e5823b1c', name: 'Red-nzv8x6obywgDg0' },
  '2008r2': { guid: '06495a84-fbfd-11e1-8cf9-52540061f5db', name: 'WIN-ERRDJSBDAVF-Dg0' },
} as const;

export type Release = keyof typeof GROUPS;

/** What ldmtool and device mapper showed of a device. */
export interface ShownDevice {
  readonly device: string;
  readonly size: number;
  readonly sha256: string;
  /** Of volumes alone. */
  readonly type: string;
  readonly hint: string;
  readonly partitions: readonly string[];
}

/** All devices of a disk group; see the fixtures' README.md. */
export function shownDevices(release: Release): ShownDevice[] {
  const lines = readFileSync(join(FIXTURES, 'volumes.tsv'), 'utf8').trimEnd().split('\n');
  return lines
    .map((line) => line.split('\t') as [string, string, string, string, string, string])
    .filter(([name]) => name.includes(`_${GROUPS[release].name}_`))
    .map(([name, size, sha256, type, hint, partitions]) => {
      const own = partitions === '' ? [] : partitions.split(' ');
      return { device: `/dev/mapper/${name}`, size: Number(size), sha256, type, hint, partitions: own };
    });
}

/** Disks that Windows made, in a folder of their own that goes away. */
export class WindowsDisks {
  readonly folder = mkdtempSync(join(tmpdir(), 'vmcraft-dynamic-'));

  constructor() {
    execFileSync('tar', ['-xJf', join(FIXTURES, 'windows-disks.tar.xz'), '-C', this.folder]);
  }

  /** Disks of a release, as {@link GuestFS.open} takes them. */
  drives(release: Release, wanted: (name: string) => boolean = () => true) {
    return readdirSync(this.folder)
      .filter((name) => name.includes(release) && wanted(name))
      .sort()
      .map((name) => ({ path: join(this.folder, name), format: 'raw' as const }));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** SHA-256 of everything on a device. */
export async function hashOf(g: GuestFS, device: string): Promise<string> {
  const hash = createHash('sha256');
  const size = await g.blockdevGetsize64(device);
  for (let at = 0; at < size; ) {
    const part = await g.preadDevice(device, Math.min(size - at, 4 << 20), at);
    hash.update(part);
    at += part.length;
  }
  return hash.digest('hex');
}
