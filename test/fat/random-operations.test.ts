import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core/block';
import type { FileSystem, FsAbilities } from '@vmcraft/core/contracts';
import { fatDriver } from '@vmcraft/fs-fat';
import { requireTools, saveImage } from '@vmcraft/testkit';
import { execaSync } from 'execa';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyTo, operations, readTree, TreeModel } from './tree-model.js';

const MIB = 1024 * 1024;

/** Types, sizes and cluster sizes; small volumes run full now and then. */
const SHAPES: [type: string, size: number, cluster: number, sector?: number][] = [
  ['fat12', 1440 * 1024, 512],
  ['fat12', 2 * MIB, 4096],
  ['fat16', 8 * MIB, 1024],
  ['fat16', 64 * MIB, 8192],
  ['fat16', 64 * MIB, 4096, 4096],
  ['fat32', 34 * MIB, 512],
  ['fat32', 64 * MIB, 4096],
  ['fat32', 280 * MIB, 4096],
  ['fat32', 2200 * MIB, 32768],
  ['exfat', 2 * MIB, 512],
  ['exfat', 8 * MIB, 4096],
  ['exfat', 64 * MIB, 32768],
  ['exfat', 32 * MIB, 4096, 4096],
];
const ROUNDS = 3;
const STEPS = 150;
const LABEL = 'RANDOM';

type Tree = Map<string, string>;

function digest(tree: Map<string, Uint8Array | undefined>): Tree {
  const hash = (data: Uint8Array): string => `${data.length} ${createHash('sha256').update(data).digest('hex')}`;
  return new Map(
    [...tree].sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, v === undefined ? 'dir' : hash(v)]),
  );
}

function hostTree(folder: string, at = ''): Map<string, Uint8Array | undefined> {
  const out = new Map<string, Uint8Array | undefined>();
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) {
      out.set(at + name, undefined);
      for (const [k, v] of hostTree(path, `${at}${name}/`)) out.set(k, v);
    } else out.set(at + name, readFileSync(path));
  }
  return out;
}

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'vmcraft-fat-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** mtools refuses FAT32 with so few clusters, although mkfs.fat makes it. */
const MTOOLS_FAT32 = 65525;

function usesMtools(type: string, clusters: number): boolean {
  return type !== 'exfat' && (type !== 'fat32' || clusters >= MTOOLS_FAT32);
}

/** The tree of a mounted image. */
function mountedTree(out: string, command: string, args: string[]): Tree {
  execaSync(command, [...args, out]);
  try {
    return digest(hostTree(out));
  } finally {
    execaSync('umount', [out]);
  }
}

/** What mtools, fusefat or exfat-fuse find on an image. */
function foreignTree(type: string, image: string, clusters: number): Tree {
  const out = join(work, 'out');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  if (type === 'exfat') {
    const loop = execaSync('losetup', ['-r', '-f', '--show', image]).stdout;
    try {
      return mountedTree(out, 'mount.exfat-fuse', ['-o', 'ro', loop]);
    } finally {
      execaSync('losetup', ['-d', loop]);
    }
  }
  if (!usesMtools(type, clusters)) {
    const tree = mountedTree(out, 'fusefat', ['-o', 'ro', image]);
    // It shows the volume label as a file.
    tree.delete(LABEL);
    return tree;
  }
  execaSync('mcopy', ['-s', '-n', '-i', image, '::', out], { env: { LC_ALL: 'C.UTF-8' } });
  return digest(hostTree(out));
}

describe.runIf(requireTools('fsck.fat', 'fsck.exfat', 'mcopy', 'mount.exfat-fuse', 'fusefat', 'losetup', 'root'))(
  'random operations',
  () => {
    it.each(SHAPES)(
      '%s of %d bytes, clusters of %d: our tree, the model and other tools agree',
      async (type, size, cluster, sector) => {
        const run = fc.asyncProperty(operations(cluster, STEPS), async (steps) => {
          const device = new MemoryDevice(size, { sectorSize: sector === 4096 ? 4096 : 512 });
          await fatDriver.format!(device, type, { blockSize: cluster, label: LABEL });
          const fs = (await fatDriver.open(device, { readonly: false })) as FileSystem & FsAbilities['write'];
          const model = new TreeModel();
          for (const step of steps) {
            let expected: string | undefined;
            try {
              model.apply(step);
            } catch (error) {
              expected = (error as Error).message;
            }
            const got = await applyTo(fs, step).then(
              () => undefined,
              (error: { code: string }) => error.code,
            );
            expect([step, got]).toEqual([step, expected]);
          }
          expect(digest(await readTree(fs))).toEqual(digest(model.entries()));
          await fs.close();
          expect(await fatDriver.check!(device)).toEqual({ clean: true, findings: [] });
          const again = await fatDriver.open(device, { readonly: true });
          expect(digest(await readTree(again))).toEqual(digest(model.entries()));
          const image = await saveImage(device, join(work, 'image'));
          const fsck = execaSync(type === 'exfat' ? 'fsck.exfat' : 'fsck.fat', ['-n', image], {
            reject: false,
            all: true,
          });
          expect([fsck.exitCode, fsck.all]).toEqual([0, fsck.all]);
          // mtools knows no characters beyond the basic plane.
          const known = (path: string): string =>
            !usesMtools(type, size / cluster) ? path : path.replace(/[\u{10000}-\u{10ffff}]/gu, '__');
          const wanted = new Map([...model.entries()].map(([path, data]) => [known(path), data]));
          expect(foreignTree(type, image, size / cluster)).toEqual(digest(wanted));
        });
        await fc.assert(run, { numRuns: ROUNDS, seed: 20260, endOnFailure: true });
      },
    );
  },
);
