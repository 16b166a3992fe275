import { type FileSystem, S_IFLNK, S_IFMT, S_IFREG, supports } from '@vmcraft/core/contracts';
import { isVmcraftError } from '@vmcraft/core/errors';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { extDriver } from '../src/index.js';
import { DATA, deviceOf, manifest, mke2fs, unpacked } from './support.js';

/** Directories, entries and bytes looked at in one damaged file system. */
const MOST = 3000;
const MOST_BYTES = 4 << 20;

/** Anything but a typed error is a failure. */
async function tolerate(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isVmcraftError(error)) throw error;
    expect(error.code).not.toBe('VMC_BUG');
  }
}

async function exploreNode(
  fs: FileSystem,
  node: { ino: number },
  next: (node: { ino: number }) => void,
): Promise<void> {
  const { mode, size } = await fs.stat(node);
  if ((mode & S_IFMT) === S_IFREG) {
    await tolerate(() => fs.read(node, 0, MOST_BYTES));
    await tolerate(() => fs.read(node, Math.max(0, size - 100), 100));
    if (supports(fs, 'sparse')) {
      let runs = 0;
      for await (const _ of fs.extents(node)) if (++runs > MOST) break;
    }
    return;
  }
  if ((mode & S_IFMT) === S_IFLNK) {
    await fs.readlink(node);
    return;
  }
  let entries = 0;
  for await (const entry of fs.readdir(node)) {
    if (entries++ % 7 === 0) await tolerate(() => fs.lookup(node, entry.name));
    next(entry.node);
    if (entries > MOST) break;
  }
}

/** Look at everything there is, within bounds. */
async function explore(bytes: Uint8Array): Promise<void> {
  const device = await deviceOf(bytes, false);
  await tolerate(() => extDriver().probe(device));
  await tolerate(async () => {
    const fs = await extDriver().open(device, { readonly: true });
    await tolerate(() => fs.statfs());
    const seen = new Set<number>();
    const pending = [fs.root];
    for (let node = pending.pop(); node !== undefined && seen.size < MOST; node = pending.pop()) {
      if (seen.has(node.ino)) continue;
      seen.add(node.ino);
      const here = node;
      await tolerate(() => exploreNode(fs, here, (child) => pending.push(child)));
      if (supports(fs, 'xattr')) {
        await tolerate(async () => {
          for (const name of await fs.listXattr(here)) await fs.getXattr(here, name);
        });
      }
    }
    await fs.close();
  });
}

/** Change everything there is, within bounds: writers must bear damage too. */
async function change(bytes: Uint8Array): Promise<void> {
  await tolerate(async () => {
    const fs = await extDriver().open(await deviceOf(bytes), { readonly: false });
    if (!supports(fs, 'write')) return;
    for (let i = 0; i < 20; i++) {
      await tolerate(async () => {
        const node = await fs.create(fs.root, `new-${i}`, { mode: S_IFREG | 0o644 });
        await fs.write(node, i * 5000, new Uint8Array(3000));
        if (supports(fs, 'xattr')) await fs.setXattr(node, 'user.x', new Uint8Array(i * 20));
      });
    }
    const names: string[] = [];
    await tolerate(async () => {
      for await (const entry of fs.readdir(fs.root)) if (names.push(entry.name) > 50) break;
    });
    for (const name of names) {
      await tolerate(async () => {
        const node = await fs.lookup(fs.root, name);
        if (node !== undefined) await tolerate(() => fs.truncate(node, 1));
        await fs.unlink(fs.root, name);
      });
    }
    await fs.close();
  });
}

/** A small deterministic generator (Park and Miller). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
}

const SETS = [
  '-t ext4 -b 1024',
  '-t ext3 -b 1024',
  '-t ext4 -O ^metadata_csum,inline_data -b 1024',
  '-t ext4 -O ^has_journal',
];

describe.runIf(requireTools('mke2fs'))('damaged file systems', () => {
  for (const set of SETS) {
    it(`changed bits: ${set}`, async () => {
      const clean = await filled(set);
      const pick = random(set.length * 7919);
      for (let round = 0; round < 25; round++) {
        const bytes = clean.slice();
        const hits = 1 + pick(12);
        // Most of the metadata lies at the start; half of the hits go to the superblock, descriptors and first tables.
        for (let i = 0; i < hits; i++) bytes[pick(2) === 0 ? 1024 + pick(40_000) : pick(bytes.length)]! ^= 1 << pick(8);
        await explore(bytes);
        await change(bytes);
      }
    }, 60_000);

    it(`cut short: ${set}`, async () => {
      const clean = await filled(set);
      for (const length of [0, 1, 1024, 1500, 2048, 5000, 70_000, clean.length >> 1, clean.length - 1]) {
        await explore(clean.slice(0, length));
        await change(clean.slice(0, length));
      }
    });
  }
});

async function filled(set: string): Promise<Uint8Array> {
  const device = await deviceOf(await mke2fs(set, 4));
  const fs = await extDriver().open(device, { readonly: false });
  if (!supports(fs, 'write') || !supports(fs, 'xattr')) throw new Error('not writable');
  const dir = await fs.create(fs.root, 'folder', { mode: 0o040755 });
  for (let i = 0; i < 120; i++) {
    const node = await fs.create(dir, `some-file-with-a-long-name-${i}`, { mode: S_IFREG | 0o644 });
    if (i % 5 === 0) await fs.write(node, i * 3000, new Uint8Array(2000).fill(i));
    if (i % 9 === 0) await fs.setXattr(node, 'user.comment', new Uint8Array(i * 3).fill(66));
  }
  await fs.create(fs.root, 'link', { mode: S_IFLNK | 0o777, target: 't'.repeat(100) });
  await fs.close();
  return device.read(0, device.size);
}

const runnable = requireTools(`data:${DATA}`);

describe.runIf(runnable)('file systems that others broke on purpose', () => {
  for (const { name, file } of runnable ? manifest('bad/ext/') : []) {
    it(name, async () => {
      const bytes = await unpacked(file);
      await explore(bytes);
      await change(bytes);
      expect(bytes.length).toBeGreaterThan(0);
    }, 20_000);
  }
});
