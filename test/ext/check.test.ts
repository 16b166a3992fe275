import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, createReadStream, createWriteStream, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createGunzip } from 'node:zlib';
import type { CheckReport } from '@vmcraft/core/contracts';
import { extDriver } from '@vmcraft/fs-ext';
import { requireTools } from '@vmcraft/testkit';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FEATURE_SETS } from './feature-sets.js';
import { aim, intents } from './generate.js';
import { e2fsckComplaints, ImageDevice, Workspace } from './image.js';
import { KernelMount } from './kernel-mount.js';
import { Model } from './model.js';

const DATA = fileURLToPath(new URL('../../../shared/data', import.meta.url));
const SEED = 20_260_301;

async function check(image: string): Promise<CheckReport> {
  const device = await ImageDevice.open(image, false);
  try {
    return await extDriver().check!(device);
  } finally {
    await device.close();
  }
}

/** Whether e2fsck has nothing to repair. */
function cleanForE2fsck(image: string): boolean {
  return spawnSync('e2fsck', ['-f', '-n', image], { encoding: 'utf8' }).status === 0;
}

describe.runIf(requireTools('root', 'python3', 'mke2fs', 'e2fsck', 'debugfs', 'mount'))(
  'check, judged by e2fsck',
  () => {
    let space: Workspace;
    beforeEach(() => {
      space = new Workspace();
    });
    afterEach(() => space.remove());

    for (const [i, set] of FEATURE_SETS.entries()) {
      it(`finds nothing in what the kernel wrote: ${set.name}`, async () => {
        const image = await space.mke2fs('used.img', set.size ?? 96, set.args);
        if (KernelMount.accepts(image)) {
          const kernel = KernelMount.open(image);
          const model = new Model();
          for (const [k, intent] of fc.sample(intents(150), { seed: SEED + i, numRuns: 1 })[0]!.entries()) {
            const operation = aim(model, intent, k);
            if ((await kernel.apply(operation)) === 'OK') model.apply(operation);
          }
          await kernel.close();
        }
        expect(e2fsckComplaints(image)).toBeUndefined();
        expect((await check(image)).findings.filter((f) => f.severity === 'error')).toEqual([]);
      });
    }

    /** Damage by debugfs, each of which e2fsck repairs. */
    const DAMAGE: readonly string[] = [
      'sif <2> links_count 9',
      'sif <2> block[0] 5',
      'sif /file links_count 3',
      'sif /file size 90000000',
      'sif /file mode 0',
      'sif /file dtime 12345',
      'sif /file blocks 2',
      'sif /dir links_count 1',
      'sif /dir mode 0100644',
      'clri /dir',
      'clri /file',
      'unlink /dir/inner',
      'link /file /dir/second',
      'link /dir /dir/loop',
      'freei /file',
      'seti <500>',
      'freeb 100 3',
      'setb 30000 5',
      'ssv free_blocks_count 7',
      'ssv free_inodes_count 7',
      'set_bg 0 free_blocks_count 3',
      'set_bg 0 used_dirs_count 77',
      'sif <8> mode 0',
      'sif <7> block[DIND] 0',
      'sif /link size 3',
    ];

    it('finds what e2fsck finds in images damaged with debugfs', { timeout: 240_000 }, async () => {
      const pristine = await space.mke2fs('pristine.img', 64, ['-t', 'ext4', '-b', '1024']);
      const kernel = KernelMount.open(pristine);
      await kernel.apply({ op: 'create', path: 'file', mode: 0o644 });
      await kernel.apply({ op: 'write', path: 'file', offset: 0, length: 50_000, seed: 1 });
      await kernel.apply({ op: 'mkdir', path: 'dir', mode: 0o755 });
      await kernel.apply({ op: 'mkdir', path: 'dir/inner', mode: 0o755 });
      await kernel.apply({ op: 'symlink', path: 'link', target: 'somewhere/else' });
      await kernel.apply({ op: 'bulkCreate', path: 'dir', prefix: 'entry-', first: 0, count: 200 });
      await kernel.close();
      const image = space.path('damaged.img');
      const disagreements: string[] = [];
      let found = 0;
      for (const damage of DAMAGE) {
        copyFileSync(pristine, image);
        execFileSync('debugfs', ['-w', '-R', damage, image], { stdio: 'pipe' });
        const theirs = cleanForE2fsck(image);
        const ours = await check(image);
        if (ours.clean !== theirs)
          disagreements.push(`${damage}: e2fsck ${theirs}, we ${ours.clean} ${JSON.stringify(ours.findings)}`);
        if (!ours.clean) found += 1;
      }
      expect(disagreements).toEqual([]);
      expect(found).toBeGreaterThanOrEqual(20);
    });

    it('survives flipped bits anywhere in the metadata, and sees nearly all that e2fsck sees', {
      timeout: 240_000,
    }, async () => {
      const pristine = await space.mke2fs('pristine.img', 16, [
        '-t',
        'ext4',
        '-b',
        '1024',
        '-O',
        '^has_journal',
        '-N',
        '64',
      ]);
      const kernel = KernelMount.open(pristine);
      await kernel.apply({ op: 'bulkCreate', path: '', prefix: 'entry-number-', first: 0, count: 40 });
      await kernel.close();
      const image = space.path('flipped.img');
      const random = fc.sample(fc.tuple(fc.nat(400 * 1024 - 1025), fc.nat(7)), { seed: SEED, numRuns: 60 });
      let agreed = 0;
      for (const [at, bit] of random) {
        copyFileSync(pristine, image);
        const device = await ImageDevice.open(image);
        const byte = (await device.read(1024 + at, 1))[0]!;
        await device.write(1024 + at, Uint8Array.of(byte ^ (1 << bit)));
        await device.close();
        if ((await check(image)).clean === cleanForE2fsck(image)) agreed += 1;
      }
      expect(agreed).toBeGreaterThanOrEqual(Math.floor(random.length * 0.95));
    });
  },
);

describe.runIf(requireTools('e2fsck', `data:${DATA}`))('check of images from elsewhere', () => {
  for (const folder of ['fs/ext', 'bad/ext']) {
    const path = join(DATA, folder);
    for (const name of existsSync(path) ? readdirSync(path).filter((n) => n.endsWith('.gz')) : []) {
      it(`agrees with e2fsck on ${folder}/${name}`, async () => {
        const space = new Workspace();
        try {
          const image = space.path('image');
          await pipeline(createReadStream(join(path, name)), createGunzip(), createWriteStream(image));
          expect([(await check(image)).clean, name]).toEqual([cleanForE2fsck(image), name]);
        } finally {
          space.remove();
        }
      });
    }
  }
});
