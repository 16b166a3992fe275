import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { S_IFDIR, S_IFREG, supports } from '@vmcraft/core/contracts';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { NtfsMount } from './ntfs-mount.js';
import type { Writable } from './random-changes.js';
import { complaints, findingsIn, NtfsWorkspace, openNtfs } from './workspace.js';

const MIB = 1024 * 1024;
const COUNT = 100_000;
const plainName = (i: number): string => `file number ${String(i).padStart(6, '0')}`;
const nameOf = (i: number): string => plainName((i * 7919) % COUNT);

const tools = requireTools('root', 'python3', 'mkntfs', 'ntfs-3g', 'ntfsfix', 'ntfsinfo', 'ntfscluster');

describe.runIf(tools)('large directories and files in pieces', () => {
  const space = new NtfsWorkspace();
  afterAll(() => space.remove());

  it('makes 100 000 files in one directory, lists them, deletes half', async () => {
    const image = space.mkntfs('many', { size: 512 * MIB, cluster: 4096 });
    const time: Record<string, number> = {};
    const timed = async <T>(what: string, task: () => Promise<T>): Promise<T> => {
      const from = performance.now();
      const result = await task();
      time[what] = Math.round(performance.now() - from);
      return result;
    };
    const first = await openNtfs(image, { readonly: false });
    const fs = first.fs as Writable;
    const dir = await fs.create(fs.root, 'many', { mode: S_IFDIR });
    await timed('create', async () => {
      for (let i = 0; i < COUNT; i++) await fs.create(dir, plainName(i), { mode: S_IFREG });
      await fs.sync();
    });
    const listed = await timed('list', async () => {
      const names = new Set<string>();
      for await (const entry of fs.readdir(dir)) names.add(entry.name);
      return names;
    });
    expect(listed.size).toBe(COUNT);
    await timed('delete', async () => {
      for (let i = 0; i < COUNT; i += 2) await fs.unlink(dir, nameOf(i));
    });
    await timed('close', () => first.close());
    expect(complaints(image)).toEqual([]);
    expect(await findingsIn(image)).toEqual([]);
    const again = await openNtfs(image);
    const node = (await again.fs.lookup(again.fs.root, 'many'))!;
    const left = await timed('walk', async () => {
      const names: string[] = [];
      for await (const entry of again.fs.readdir(node)) {
        if ((await again.fs.stat(entry.node)).size === 0) names.push(entry.name);
      }
      return names;
    });
    await again.close();
    const expected = Array.from({ length: COUNT / 2 }, (_, i) => nameOf(i * 2 + 1)).sort();
    expect(left).toEqual(expected);
    const mount = await NtfsMount.open(image, 'ro');
    expect(readdirSync(join(mount.folder, 'many')).sort()).toEqual(expected);
    execFileSync('stat', [join(mount.folder, 'many', expected[COUNT / 4]!)]);
    await mount.close();
    if (process.env.VMCRAFT_TIMES !== undefined) console.log(time);
  }, 400_000);

  it('empties a directory of thousands, and fills it again', async () => {
    const image = space.mkntfs('again', { size: 64 * MIB, cluster: 4096 });
    const { fs, close } = await openNtfs(image, { readonly: false });
    expect(supports(fs, 'write')).toBe(true);
    const w = fs as Writable;
    const dir = await w.create(w.root, 'd', { mode: S_IFDIR });
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 4000; i++) await w.create(dir, `${round} ${nameOf(i)}`, { mode: S_IFREG });
      for (let i = 3999; i >= 0; i--) await w.unlink(dir, `${round} ${nameOf((i * 13) % 4000)}`);
    }
    expect((await w.stat(dir)).size).toBeLessThan(1024);
    await w.rmdir(w.root, 'd');
    await close();
    expect(complaints(image)).toEqual([]);
    expect(await findingsIn(image)).toEqual([]);
  }, 120_000);
});
