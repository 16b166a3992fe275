import { extDriver } from '@vmcraft/fs-ext';
import { requireTools } from '@vmcraft/testkit';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Engine } from './engine.js';
import { FEATURE_SETS } from './feature-sets.js';
import { aim, intents } from './generate.js';
import { e2fsckComplaints, ImageDevice, Workspace } from './image.js';
import { KernelMount } from './kernel-mount.js';
import { Model } from './model.js';
import { describeDifferences } from './tree.js';

const SEED = Number(process.env.VMCRAFT_EXT_SEED ?? 20_260_401);
const SMALL = new Set([
  'ext2',
  'ext3',
  '1 KiB blocks',
  'no extents',
  'inline_data',
  '128-byte inodes',
  'uninit_bg',
  'meta_bg',
  'ea_inode',
  'orphan_file',
]);
/** Bytes of filler in each `write`, so that the image is full soon. */
const FILLER = 90_000;

describe.runIf(requireTools('root', 'python3', 'mke2fs', 'e2fsck', 'mount'))('a full file system', () => {
  let space: Workspace;
  beforeEach(() => {
    space = new Workspace();
  });
  afterEach(() => space.remove());

  for (const [i, set] of FEATURE_SETS.filter(({ name }) => SMALL.has(name)).entries()) {
    it(`fails with ENOSPC and stays consistent: ${set.name} (seed ${SEED + i})`, async () => {
      const image = await space.mke2fs('full.img', 8, [...set.args, '-N', '400']);
      const codes = new Map<string, number>();
      const device = await ImageDevice.open(image);
      const fs = await extDriver().open(device, { readonly: false });
      const engine = new Engine(fs);
      const model = new Model();
      for (const [k, intent] of fc.sample(intents(500), { seed: SEED + i, numRuns: 1 })[0]!.entries()) {
        const aimed = aim(model, intent, k);
        const operation = aimed.op === 'write' ? { ...aimed, length: aimed.length + FILLER } : aimed;
        const code = await engine.apply(operation);
        codes.set(code, (codes.get(code) ?? 0) + 1);
        if (code === 'OK') model.apply(operation);
      }
      const ours = await engine.tree();
      await fs.close();
      await device.close();
      expect(codes.get('ENOSPC') ?? 0).toBeGreaterThan(3);
      expect(codes.get('OK') ?? 0).toBeGreaterThan(100);
      expect(e2fsckComplaints(image)).toBeUndefined();
      const kernel = KernelMount.open(image);
      const theirs = await kernel.tree();
      await kernel.close();
      expect(describeDifferences(ours, theirs, new Set(theirs.map((e) => e.path)))).toEqual([]);
    });
  }
});
