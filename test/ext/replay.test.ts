import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { extDriver } from '@vmcraft/fs-ext';
import { requireTools } from '@vmcraft/testkit';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engineTree } from './engine.js';
import { FEATURE_SETS } from './feature-sets.js';
import { aim, intents } from './generate.js';
import { e2fsckComplaints, ImageDevice, Workspace } from './image.js';
import { KernelMount } from './kernel-mount.js';
import { Model } from './model.js';
import { describeDifferences, type TreeEntry } from './tree.js';

const SEED = Number(process.env.VMCRAFT_EXT_SEED ?? 20_260_201);
const OPERATIONS = 250;

const QUIET = ['ignore', 'pipe', 'ignore'] as ['ignore', 'pipe', 'ignore'];

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function treeOf(image: string): Promise<TreeEntry[]> {
  const device = await ImageDevice.open(image, false);
  try {
    const fs = await extDriver().open(device, { readonly: true });
    const tree = await engineTree(fs);
    await fs.close();
    return tree;
  } finally {
    await device.close();
  }
}

/** Whether the superblock asks for recovery. */
function needsRecovery(image: string): boolean {
  return execFileSync('dumpe2fs', ['-h', image], { encoding: 'utf8', stdio: QUIET }).includes('needs_recovery');
}

function repair(image: string): void {
  const run = spawnSync('e2fsck', ['-f', '-y', image], { encoding: 'utf8' });
  if ((run.status ?? 8) > 1) throw new Error(`e2fsck: ${run.stdout}`);
}

/** Our view of a dirty image must be what e2fsck makes of a copy, and opening it for writing must do the same for real. */
async function judge(space: Workspace, dirty: string): Promise<void> {
  const before = await sha256(dirty);
  const virtual = await treeOf(dirty);
  expect(await sha256(dirty)).toBe(before);
  const repaired = space.path('repaired.img');
  await copyFile(dirty, repaired);
  repair(repaired);
  const all = new Set(virtual.map((e) => e.path));
  expect(describeDifferences(virtual, await treeOf(repaired), all)).toEqual([]);
  const device = await ImageDevice.open(dirty);
  const fs = await extDriver().open(device, { readonly: false });
  await fs.close();
  await device.close();
  expect(e2fsckComplaints(dirty)).toBeUndefined();
  expect(needsRecovery(dirty)).toBe(false);
  expect(describeDifferences(await treeOf(dirty), virtual, all)).toEqual([]);
}

/**
 * Sets with a journal that kernels mount for writing everywhere; a copy of a mounted file system with mmp is rightly refused as
 * mounted, for a minute's wait each.
 */
const JOURNALED = FEATURE_SETS.filter(({ name }) => !/^ext2|no journal|casefold|quota|project|mmp|64 KiB/.test(name));

describe.runIf(requireTools('root', 'python3', 'mke2fs', 'e2fsck', 'debugfs', 'dumpe2fs', 'mount'))(
  'journal replay',
  () => {
    let space: Workspace;
    beforeEach(() => {
      space = new Workspace();
    });
    afterEach(() => space.remove());

    for (const [i, set] of JOURNALED.entries()) {
      it(`copies of a mounted file system, ${set.name} (seed ${SEED + i})`, { timeout: 120_000 }, async () => {
        const image = await space.mke2fs('live.img', set.size ?? 96, set.args);
        const model = new Model();
        const list = fc.sample(intents(OPERATIONS), { seed: SEED + i, numRuns: 1 })[0]!;
        const kernel = KernelMount.open(image, 'noatime,user_xattr,acl,commit=1');
        const copies: string[] = [];
        try {
          for (const [k, intent] of list.entries()) {
            const operation = aim(model, intent, k);
            if ((await kernel.apply(operation)) === 'OK') model.apply(operation);
            if (k % 80 !== 79) continue;
            await kernel.sync();
            copies.push(space.path(`dirty-${k}.img`));
            await copyFile(image, copies.at(-1)!);
          }
        } finally {
          await kernel.close();
        }
        expect(copies.some(needsRecovery)).toBe(true);
        for (const dirty of copies) await judge(space, dirty);
      });
    }

    for (const [name, args, open] of [
      ['no checksum', ['-O', '^metadata_csum,^64bit'], ''],
      ['checksum v3', ['-b', '4096'], '-c'],
      ['checksum v3, 1 KiB blocks, 32-bit', ['-b', '1024', '-O', '^64bit'], '-c'],
      ['checksum v2', ['-b', '1024'], '-c -v 2'],
    ] as const) {
      it(`transactions that debugfs wrote: ${name}`, async () => {
        const image = await space.mke2fs('log.img', 64, ['-t', 'ext4', ...args]);
        const device = await ImageDevice.open(image);
        const fs = await extDriver().open(device, { readonly: false });
        await fs.close();
        await device.close();
        const block = /\(0\):(\d+)/.exec(
          execFileSync('debugfs', ['-R', 'stat <2>', image], { encoding: 'utf8', stdio: QUIET }),
        )?.[1];
        const root = space.path('root');
        const contents = execFileSync('debugfs', ['-R', 'cat <2>', image], { stdio: QUIET });
        await writeFile(root, contents);
        // A block that begins with the journal's own magic is escaped in the log.
        const escaped = Buffer.alloc(contents.length, 0xab);
        escaped.writeUInt32BE(0xc03b3998, 0);
        const free = (60 * 1024 * 1024) / contents.length;
        await writeFile(space.path('escaped'), escaped);
        const commands = space.path('commands');
        await writeFile(
          commands,
          `jo ${open}\njw -b ${block} ${root}\njw -b ${free} ${space.path('escaped')}\njw -r 3000-3010\njc\n`,
        );
        execFileSync('debugfs', ['-w', '-f', commands, image], { stdio: 'pipe' });
        expect(needsRecovery(image)).toBe(true);
        await judge(space, image);
        const after = await ImageDevice.open(image, false);
        expect(Buffer.from(await after.read(60 * 1024 * 1024, escaped.length)).equals(escaped)).toBe(true);
        await after.close();
      });
    }
  },
);
