// A Btrfs over several devices, with subvolumes, written by the kernel through the host.
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BTRFS_TOOLS, makeBtrfs, scratch, withMount } from '../../fs-btrfs/test/support.js';
import { GuestFS } from '../../vmcraft/src/index.js';
import { ROOT_NEEDS, traces } from './support.js';

const run = promisify(execFile);

/** `btrfs check` of all of its devices. */
async function check(images: readonly string[]): Promise<void> {
  const loops: string[] = [];
  try {
    for (const image of images) loops.push((await run('losetup', ['-r', '-f', '--show', image])).stdout.trim());
    const { stderr, stdout } = await run('btrfs', ['check', '--readonly', '--check-data-csum', ...loops.slice(0, 1)]);
    expect(stdout + stderr).toMatch(/no error found/);
  } finally {
    for (const loop of loops) {
      await run('btrfs', ['device', 'scan', '--forget', loop]).catch(() => undefined);
      await run('losetup', ['-d', loop]);
    }
  }
}

describe.runIf(requireTools(...ROOT_NEEDS, ...BTRFS_TOOLS))(
  'a Btrfs over several devices',
  { timeout: 120_000 },
  () => {
    const { folder, remove } = scratch();
    let images: string[];

    beforeAll(() => {
      images = makeBtrfs(folder, ['-d', 'raid0', '-m', 'raid1'], 3, '160M');
      withMount(images, folder, '', (mount) => {
        execFileSync('sh', ['-ec', 'btrfs subvolume create r; btrfs subvolume create h; mkdir r/home'], { cwd: mount });
      });
    });
    afterAll(remove);

    it('is written with all of its devices and two subvolumes at a time; its checker is content', async () => {
      const g = await GuestFS.open(images, { format: 'raw' });
      await g.mountOptions('subvol=r', '/dev/sda', '/');
      await g.mountOptions('subvol=h', '/dev/sda', '/home');
      await g.write('/big', new Uint8Array(30_000_000).fill(7));
      await g.write('/home/file', 'of home\n');
      await g.mkdirP('/etc/a/b');
      for (let i = 0; i < 200; i++) await g.write(`/etc/a/b/${i}`, `${i}\n`);
      expect(await g.checksum('sha256', '/big')).toMatch(/^[0-9a-f]{64}$/);
      const chosen = g.session.choices.filter(({ kind, provider }) => kind === 'filesystem' && provider === 'host');
      expect(chosen.length).toBeGreaterThan(0);
      await g.close();
      expect(await traces()).toEqual([]);
      await check(images);
      withMount(images, folder, 'ro', (mount) => {
        const sh = (command: string) => execFileSync('sh', ['-ec', command], { cwd: mount, encoding: 'utf8' });
        expect(sh('cat h/file; ls r/etc/a/b | wc -l; stat -c %s r/big; head -c 3 r/big | od -An -tx1')).toBe(
          'of home\n200\n30000000\n 07 07 07\n',
        );
      });
      // The same by the driver in this process.
      await using again = await GuestFS.open([...images].reverse(), { readonly: true });
      await again.mountRo('btrfsvol:/dev/sda/h', '/');
      expect(await again.cat('/file')).toBe('of home\n');
    });

    it('with a device missing, it is not mounted for writing, and nothing stays attached', async () => {
      const g = await GuestFS.open(images.slice(0, 2), { format: 'raw', backend: 'host' });
      await expect(g.mount('/dev/sda', '/')).rejects.toThrow();
      await g.close();
      expect(await traces()).toEqual([]);
      await check(images);
    });
  },
);
