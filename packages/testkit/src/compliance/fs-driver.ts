import { deepStrictEqual, ok } from 'node:assert/strict';
import type { BlockDevice, FsAbility } from '@vmcraft/core';
import { MemoryDevice } from '@vmcraft/core';
import { gather, rejectsWith, sameBytes } from '../expectations.js';
import type { TestRunner } from '../runner.js';
import { type FsDriverFixture, type FsTest, withFs } from './fs-fixture.js';
import { fsWriting } from './fs-writing.js';

/** Test an `FsDriver`. What is declared must work; what is not declared must not be there. */
export function fsDriverCompliance(
  runner: TestRunner,
  target: { readonly name: string; create(): Promise<FsDriverFixture> },
): void {
  const test: FsTest = (name, body) =>
    runner.it(name, async () => {
      const fixture = await target.create();
      try {
        await body(fixture);
        await fixture.check?.(fixture.device);
      } finally {
        await fixture.dispose?.();
      }
    });
  runner.describe(`file system compliance: ${target.name}`, () => {
    probing(test);
    honesty(test);
    reading(test);
    lifetime(test);
    fsWriting(test);
  });
}

async function snapshot(device: BlockDevice): Promise<Uint8Array> {
  return (await device.read(0, Math.min(device.size, 64 * 1024 * 1024))).slice();
}

function probing(test: FsTest): void {
  test('recognises its file system', async (f) => {
    deepStrictEqual((await f.driver.probe(f.device))?.type, f.type);
  });
  test('does not recognise zeros, text or a tiny device, and never throws for them', async (f) => {
    for (const size of [0, 1, 511, 512, 1 << 20]) {
      deepStrictEqual(await f.driver.probe(new MemoryDevice(size)), undefined);
      deepStrictEqual(await f.driver.probe(MemoryDevice.from(new Uint8Array(size).fill(0x41))), undefined);
    }
  });
  test('probe, open, list and close of a read-only session change nothing', async (f) => {
    const before = await snapshot(f.device);
    await f.driver.probe(f.device);
    await withFs(f, true, async (fs) => {
      await gather(fs.readdir(fs.root));
      await fs.statfs();
    });
    sameBytes(await snapshot(f.device), before, 'device after a read-only session');
  });
}

/** Methods of each ability; an ability that is declared has all of them. */
const METHODS: Readonly<Record<FsAbility, readonly string[]>> = {
  write: ['create', 'link', 'unlink', 'rmdir', 'rename', 'write', 'truncate', 'setattr', 'sync'],
  xattr: ['listXattr', 'getXattr', 'setXattr', 'removeXattr'],
  sparse: ['extents', 'punchHole', 'allocate'],
  trim: ['freeExtents'],
  label: ['setLabel', 'setUuid'],
  flags: ['getFlags', 'setFlags', 'getGeneration', 'setGeneration'],
  tune: ['describe', 'tune'],
  resize: ['minimumSize', 'resize'],
  subvolumes: ['subvolumes', 'defaultSubvolume', 'subvolumeOf', 'quotaGroups', 'hasPausedBalance', 'members'],
};

function honesty(test: FsTest): void {
  test('has exactly the declared abilities when opened for writing', async (f) => {
    if (f.files !== undefined) return;
    await withFs(f, false, async (fs) => {
      deepStrictEqual([...fs.abilities].sort(), [...f.abilities].sort());
      deepStrictEqual(fs.readonly, false);
      for (const ability of fs.abilities) {
        for (const method of METHODS[ability]) {
          ok(typeof (fs as unknown as Record<string, unknown>)[method] === 'function', `${ability} has ${method}`);
        }
      }
    });
  });
  test('cannot write when opened read-only', (f) =>
    withFs(f, true, async (fs) => {
      deepStrictEqual(fs.readonly, true);
      ok(!fs.abilities.has('write'), 'no ability write');
    }));
  test('says which type and driver it is', (f) =>
    withFs(f, true, async (fs) => {
      deepStrictEqual(fs.identity.type, f.type);
      ok(fs.identity.driver.length > 0, 'a driver name');
    }));
}

function reading(test: FsTest): void {
  test('the root is a directory', (f) =>
    withFs(f, true, async (fs) => {
      const stat = await fs.stat(fs.root);
      deepStrictEqual(stat.mode & 0o170000, 0o040000);
      deepStrictEqual(stat.ino, fs.root.ino);
    }));
  test('a missing name is undefined, and . and .. are never listed', (f) =>
    withFs(f, true, async (fs) => {
      deepStrictEqual(await fs.lookup(fs.root, 'no such name'), undefined);
      const names = (await gather(fs.readdir(fs.root))).map((e) => e.name);
      ok(!names.includes('.') && !names.includes('..'), 'no dot entries');
      deepStrictEqual(new Set(names).size, names.length);
    }));
  test('free space is not more than all space', (f) =>
    withFs(f, true, async (fs) => {
      const s = await fs.statfs();
      ok(s.blocks > 0 && s.blocksFree <= s.blocks && s.blocksAvailable <= s.blocksFree, 'blocks add up');
      ok(s.filesFree <= s.files, 'files add up');
      ok(s.nameMax > 0 && s.blockSize > 0, 'sizes are there');
    }));
  test('reads the files that are there', (f) =>
    withFs(f, true, async (fs) => {
      for (const [path, content] of Object.entries(f.files ?? {})) {
        let node = fs.root;
        for (const name of path.split('/').filter((p) => p !== '')) {
          const next = await fs.lookup(node, name);
          ok(next !== undefined, `${path}: ${name} is there`);
          node = next;
        }
        sameBytes(await fs.read(node, 0, content.length + 10), content, path);
        if (content.length > 3) sameBytes(await fs.read(node, 1, 2), content.subarray(1, 3), `${path} from 1`);
        deepStrictEqual((await fs.read(node, content.length, 10)).length, 0);
      }
    }));
  test('a directory is not a file', (f) =>
    withFs(f, true, async (fs) => {
      await rejectsWith(() => fs.read(fs.root, 0, 1), ['EISDIR']);
      await rejectsWith(() => fs.readlink(fs.root), ['EINVAL']);
    }));
}

function lifetime(test: FsTest): void {
  test('closes twice, and then answers nothing', async (f) => {
    const fs = await f.driver.open(f.device, { readonly: true });
    await fs.close();
    await fs.close();
    await rejectsWith(() => fs.statfs());
  });
}
