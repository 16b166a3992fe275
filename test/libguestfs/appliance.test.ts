import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pattern } from '@vmcraft/testkit';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { APPLIANCE_TIME, hasAppliance } from '../backends/appliance.js';
import { makeGuestDisk } from '../backends/guest-disk.js';

const MIB = 1 << 20;
const hash = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

/** Folders and processes of appliances that belong to a process of ours. */
function leftovers(pid: number): string[] {
  const mark = `vmcraft-guestfs-${pid}-`;
  const folders = readdirSync(tmpdir()).filter((name) => name.startsWith(mark));
  const processes = readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(mark);
    } catch {
      return false;
    }
  });
  return [...folders, ...processes];
}

async function gone(pid: number): Promise<string[]> {
  for (let i = 0; i < 200 && leftovers(pid).length > 0; i++) await new Promise((resolve) => setTimeout(resolve, 100));
  return leftovers(pid);
}

describe.runIf(hasAppliance('mkfs.f2fs', 'unsquashfs', 'e2fsck'))('the appliance of libguestfs', () => {
  let disk: ReturnType<typeof makeGuestDisk>;
  beforeAll(() => {
    disk = makeGuestDisk();
  });
  afterAll(() => disk.dispose());

  it(
    'serves what nothing here does, between calls that are served here, and all of it is one transaction',
    async () => {
      const path = disk.copy('actions.raw');
      const before = hash(path);
      const g = await GuestFS.open(path, { format: 'raw' });
      await g.mount('/dev/sda1', '/');
      await g.write('/etc/hosts', '127.0.0.1 localhost\n');
      expect(await g.featureAvailable(['augeas', 'xfs'])).toBe(true);
      await g.augInit('/', 0);
      expect(await g.augGet('/files/etc/hosts/1/canonical')).toBe('localhost');
      await g.augSet('/files/etc/hosts/1/canonical', 'web1');
      await g.augSave();
      expect(await g.augMatch('/files/etc/hosts/*')).toEqual(['/files/etc/hosts/1']);
      expect(await g.cat('/etc/hosts')).toMatch(/^127\.0\.0\.1\sweb1\n$/);

      // Host files stream through pipes, both ways; names are what they are.
      const archive = join(disk.path, '..', 'home.squashfs');
      await g.mksquashfs('/home', archive);
      expect(execFileSync('unsquashfs', ['-l', archive], { encoding: 'utf8' })).toContain('user/big');
      await g.yaraLoad(
        (async function* () {
          yield new TextEncoder().encode('rule odd { strings: $a = "odd" ');
          yield new TextEncoder().encode('condition: $a }');
        })(),
      );
      expect(await g.yaraScan('/home/user/name with spaces\nand a line')).toEqual([
        { yara_name: '/home/user/name with spaces\nand a line', yara_rule: 'odd' },
      ]);
      await expect(g.yaraScan('/nothing')).rejects.toThrow(/^yara_scan: \/nothing: /);
      await expect(g.augGet('/files/none')).rejects.toThrow(/aug_get/);

      // A caller that gives up does not wait.
      const scrubbing = g.scrubFile('/home/user/again');
      setTimeout(() => g.session.cancel(), 20);
      await expect(scrubbing).rejects.toMatchObject({ code: 'VMC_ABORTED' });
      expect(await g.cat('/etc/hostname')).toBe('sample\n');

      const { providers } = g.getPerformanceMetrics();
      expect(providers.find(({ subject }) => subject === 'aug_init')).toMatchObject({
        kind: 'actions',
        provider: 'libguestfs',
        reason: expect.stringContaining('nothing in this process serves it'),
      });
      expect(hash(path)).toBe(before);
      await g.rollback();
      expect(hash(path)).toBe(before);
      expect(await gone(process.pid)).toEqual([]);
    },
    APPLIANCE_TIME,
  );

  it(
    'mounts what no driver here knows, commits what was written, and is chosen for it with the reason',
    async () => {
      const path = join(disk.path, '..', 'f2fs.raw');
      execFileSync('truncate', ['-s', '64M', path]);
      execFileSync('mkfs.f2fs', ['-q', '-l', 'phone', path]);
      const data = pattern(3 * MIB + 5, 11);
      const write = async (g: GuestFS): Promise<void> => {
        await g.mount('/dev/sda', '/');
        await g.mkdirP('/data/app');
        await g.write('/data/app/blob', data);
        await g.sync();
        const [choice] = g.getPerformanceMetrics().providers.filter(({ kind }) => kind === 'filesystem');
        expect(choice).toMatchObject({
          subject: '/dev/sda',
          provider: 'libguestfs',
          reason: expect.stringContaining('f2fs'),
        });
      };
      await GuestFS.with(path, write, { format: 'raw' });
      expect(execFileSync('fsck.f2fs', ['--dry-run', path], { encoding: 'utf8' })).not.toMatch(/\[Fail\]/);
      const before = hash(path);
      await using g = await GuestFS.open(path, { readonly: true });
      expect(await g.vfsLabel('/dev/sda')).toBe('phone');
      await g.mountRo('/dev/sda', '/');
      expect(await g.checksum('sha256', '/data/app/blob')).toBe(createHash('sha256').update(data).digest('hex'));
      await expect(g.write('/data/x', 'x')).rejects.toMatchObject({ code: 'EROFS' });
      await g.close();
      expect(hash(path)).toBe(before);
    },
    APPLIANCE_TIME,
  );

  it(
    'sees a volume group inside a container whose key only this process has',
    async () => {
      const path = join(disk.path, '..', 'stack.raw');
      execFileSync('truncate', ['-s', '128M', path]);
      await GuestFS.with(
        path,
        async (g) => {
          await g.luksFormat('/dev/sda', 'secret', 0);
          await g.cryptsetupOpen('/dev/sda', 'secret', 'inside');
          await g.pvcreate('/dev/mapper/inside');
          await g.vgcreate('vg', ['/dev/mapper/inside']);
          await g.lvcreate('root', 'vg', 80);
          await g.mkfs('ext4', '/dev/vg/root');
          await g.mount('/dev/vg/root', '/');
          await g.write('/ours', 'here');
        },
        { format: 'raw' },
      );
      const options = { format: 'raw', keys: ['secret'] };
      await GuestFS.with(
        path,
        async (g) => {
          await g.mount('/dev/vg/root', '/');
          expect(await g.cat('/ours')).toBe('here');
          await g.write('/theirs', 'there');
        },
        { ...options, backend: 'libguestfs' },
      );
      await using g = await GuestFS.open(path, { ...options, readonly: true });
      await g.mountRo('/dev/vg/root', '/');
      expect([await g.cat('/ours'), await g.cat('/theirs')]).toEqual(['here', 'there']);
      expect(await gone(process.pid)).toEqual([]);
    },
    APPLIANCE_TIME,
  );

  it(
    'is gone when this process is killed, whether it was starting or running, and the image is as before',
    async () => {
      const script = join(disk.path, '..', 'hold.mjs');
      await build({
        entryPoints: [join(import.meta.dirname, 'hold-appliance.ts')],
        outfile: script,
        bundle: true,
        platform: 'node',
        format: 'esm',
        conditions: ['@vmcraft/source'],
        external: ['wasmagic'],
        banner: {
          js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
        },
        logLevel: 'error',
      });
      const path = disk.copy('killed.raw');
      const before = hash(path);
      for (const moment of ['starting', 'running']) {
        const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
        await new Promise<void>((resolve) => {
          child.stdout.on('data', (chunk: Buffer) => chunk.toString().includes(moment) && resolve());
        });
        if (moment === 'starting') await new Promise((resolve) => setTimeout(resolve, 1500));
        expect(leftovers(child.pid as number)).not.toEqual([]);
        child.kill('SIGKILL');
        expect(await gone(child.pid as number)).toEqual([]);
      }
      expect(hash(path)).toBe(before);
      expect(existsSync(path)).toBe(true);
    },
    APPLIANCE_TIME,
  );
});
