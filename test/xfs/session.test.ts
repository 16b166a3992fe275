import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { IN_PROCESS } from '../guest/in-process.js';

const FIXTURES = join(import.meta.dirname, '../../packages/fs-xfs/test/fixtures');

describe('a guest whose XFS has a log and a realtime section on other disks', () => {
  let folder: string;
  let disks: string[];
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-xfs-'));
    disks = ['realtime', 'realtime-rt', 'realtime-log'].map((name) => {
      const path = join(folder, name);
      writeFileSync(path, gunzipSync(readFileSync(join(FIXTURES, `${name}.img.gz`))));
      return path;
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is mounted with the options of mount(8)', async () => {
    await using g = await GuestFS.open(disks, { ...IN_PROCESS, readonly: true });
    expect(await g.vfsType('/dev/sdc')).toBe('xfs_external_log');
    await g.mountOptions('ro,rtdev=/dev/sdb', '/dev/sda', '/');
    expect(await g.cat('/deep/er/file')).toBe('hello\n');
    expect((await g.ls('/later')).join()).toBe('file');
  });

  it('says what is missing when a disk is left out', async () => {
    await using g = await GuestFS.open(disks.slice(0, 2), { ...IN_PROCESS, readonly: true });
    await expect(g.mountRo('/dev/sda', '/')).rejects.toThrow(/a log on another device that is not among the disks/);
    await using all = await GuestFS.open(disks, { ...IN_PROCESS, readonly: true });
    await all.mountRo('/dev/sda', '/');
    expect((await all.ls('/later')).join()).toBe('file');
    await expect(all.cat('/deep/er/file')).rejects.toThrow(/realtime section.*rtdev=/);
  });
});
