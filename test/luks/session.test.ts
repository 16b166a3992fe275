import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pattern, requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { cli } from '../cli/run-cli.js';
import { IN_PROCESS } from '../guest/in-process.js';

const MiB = 1 << 20;
const MINUTE = 60_000;
const WRONG = { code: 'VMC_KEY_WRONG', message: expect.stringContaining('/dev/sda1: no given key opens it') };

/** Let cryptsetup make a container in the partition: with a derivation that costs next to nothing. */
function seal(disk: string, scratch: string): void {
  writeFileSync(scratch, '');
  truncateSync(scratch, 76 * MiB);
  const cheap = ['--pbkdf-memory', '64', '--pbkdf-parallel', '1', '--pbkdf-force-iterations', '4'];
  const args = ['-q', 'luksFormat', '--type', 'luks2', '--key-slot', '3', ...cheap, scratch, '-'];
  execFileSync('cryptsetup', args, { input: 'secret' });
  execFileSync('dd', [`if=${scratch}`, `of=${disk}`, 'bs=1M', 'count=16', 'seek=1', 'status=none', 'conv=notrunc']);
}

describe.runIf(requireTools('cryptsetup', 'qemu-img', 'e2fsck'))('encrypted containers in a session', () => {
  let folder: string;
  let disk: string;
  const keyFile = (): string => join(folder, 'key');

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-luks-'));
    disk = join(folder, 'disk.raw');
    writeFileSync(disk, '');
    truncateSync(disk, 80 * MiB);
    writeFileSync(keyFile(), 'secret\n');
    let g = await GuestFS.open(disk, { format: 'raw' });
    await g.partInit('/dev/sda', 'gpt');
    await g.partAdd('/dev/sda', 'p', 2048, 160_000);
    await g.close();
    seal(disk, join(folder, 'fresh'));
    g = await GuestFS.open(disk, { format: 'raw' });
    expect(await g.featureAvailable(['luks'])).toBe(true);
    await g.cryptsetupOpen('/dev/sda1', 'secret', 'root');
    await g.mkfs('ext4', '/dev/mapper/root', { label: 'inside' });
    await g.mount('/dev/mapper/root', '/');
    await g.write('/hello', 'world\n');
    await g.write('/big', pattern(3 * MiB));
    await expect(g.cryptsetupClose('/dev/mapper/root')).rejects.toMatchObject({ code: 'EBUSY' });
    await g.umountAll();
    await g.cryptsetupClose('/dev/mapper/root');
    await expect(g.mount('/dev/mapper/root', '/')).rejects.toMatchObject({ code: 'ENOENT' });
    await g.close();
  }, 2 * MINUTE);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it(
    'cryptsetup opens what luks_format made, in the slot that was asked for',
    async () => {
      const made = join(folder, 'made.raw');
      writeFileSync(made, '');
      truncateSync(made, 40 * MiB);
      const g = await GuestFS.open(made, { format: 'raw' });
      await g.luksFormatCipher('/dev/sda', 'secret', 3, 'aes-cbc-essiv:sha256');
      expect(await g.vfsType('/dev/sda')).toBe('crypto_LUKS');
      await g.close();
      const args = ['open', '--test-passphrase', '-v', '--key-file', '-', made];
      expect(execFileSync('cryptsetup', args, { encoding: 'utf8', input: 'secret' })).toMatch(/Key slot 3 unlocked/);
      expect(execFileSync('cryptsetup', ['luksDump', made], { encoding: 'utf8' })).toContain('aes-cbc-essiv:sha256');
    },
    2 * MINUTE,
  );

  it(
    'a detached header is given as another disk, in code and on the command line',
    async () => {
      const [data, header] = ['detached.raw', 'header.raw'].map((name) => join(folder, name)) as [string, string];
      for (const [path, size] of [
        [data, 8 * MiB],
        [header, 16 * MiB],
      ] as const) {
        writeFileSync(path, '');
        truncateSync(path, size);
      }
      const quick = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '--key-file', '-'];
      execFileSync('cryptsetup', ['luksFormat', '-q', '--header', header, ...quick, data], { input: 'secret' });
      const drives = [data, header].map((path) => ({ path, format: 'raw' as const }));
      {
        await using g = await GuestFS.open(drives);
        await expect(g.cryptsetupOpen('/dev/sda', 'secret', 'plain')).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
        await expect(g.cryptsetupOpen('/dev/sdb', 'secret', 'plain')).rejects.toMatchObject({
          message: expect.stringContaining('a detached header: its data is on another device'),
        });
        await expect(g.cryptsetupOpen('/dev/sda', 'x', 'plain', { header: '/dev/sdb' })).rejects.toMatchObject({
          code: 'VMC_KEY_WRONG',
        });
        await g.cryptsetupOpen('/dev/sda', 'secret', 'plain', { header: '/dev/sdb' });
        await g.mkfs('ext4', '/dev/mapper/plain');
        await g.mount('/dev/mapper/plain', '/');
        await g.write('/file', 'detached\n');
      }
      const run = [
        '--run',
        'run',
        '--run',
        'cryptsetup-open /dev/sda plain header:/dev/sdb',
        '--run',
        'mount-ro /dev/mapper/plain /',
      ];
      const args = ['--ro', '-a', data, '-a', header, '--keys-from-stdin', ...run, '--run', 'cat /file'];
      expect(await cli(args, { input: 'secret\n' })).toMatchObject({ status: 0, stdout: 'detached\n\n' });
    },
    2 * MINUTE,
  );

  it(
    'the discovery loop opens it with a key for the device, its UUID, or anything',
    async () => {
      const plain = await GuestFS.open(disk, { readonly: true });
      const uuid = await plain.luksUuid('/dev/sda1');
      expect(plain.session.warnings.map((w) => w.message)).toEqual([
        expect.stringMatching(/\/dev\/sda1: a key is required/),
      ]);
      expect(await plain.listFilesystems()).toEqual({ '/dev/sda1': 'crypto_LUKS' });
      await plain.close();
      for (const keys of [{ '/dev/sda1': 'secret' }, { [uuid]: 'secret' }, ['wrong', 'secret']]) {
        await using g = await GuestFS.open(disk, { readonly: true, keys });
        expect(await g.listFilesystems()).toEqual({ '/dev/sda1': 'crypto_LUKS', [`/dev/mapper/luks-${uuid}`]: 'ext4' });
        expect(await g.listDmDevices()).toEqual([`/dev/mapper/luks-${uuid}`]);
        await g.mountRo('/dev/disk/by-label/inside', '/');
        expect(await g.read('/hello')).toBe('world\n');
      }
    },
    2 * MINUTE,
  );

  it(
    'a callback is asked once, with device and UUID; a wrong key says exactly that',
    async () => {
      const asked: (readonly string[])[] = [];
      await using g = await GuestFS.open(disk, {
        ...IN_PROCESS,
        readonly: true,
        onKey: async (selectors) => {
          asked.push(selectors);
          return 'wrong';
        },
      });
      expect(asked).toEqual([['/dev/sda1', await g.luksUuid('/dev/sda1')]]);
      expect(g.session.warnings.map((w) => w.message)).toEqual([
        expect.stringContaining('/dev/sda1: no given key opens it'),
      ]);
      await expect(g.cryptsetupOpen('/dev/sda1', 'nonsense', 'x')).rejects.toMatchObject(WRONG);
      await expect(g.luksOpen('/dev/sda', 'secret', 'x')).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
      await expect(g.clevisLuksUnlock('/dev/sda1', 'x')).rejects.toMatchObject({ code: 'VMC_NO_CAPABILITY' });
      await g.luksOpenRo('/dev/sda1', 'secret', 'x');
      await expect(g.luksOpen('/dev/sda1', 'secret', 'y')).rejects.toMatchObject({ code: 'EBUSY' });
      await expect(g.mkfs('ext4', '/dev/mapper/x')).rejects.toMatchObject({ code: 'VMC_READ_ONLY' });
      await g.luksClose('/dev/mapper/x');
    },
    2 * MINUTE,
  );

  it(
    'keys are added and slots emptied, also while it is open',
    async () => {
      const g = await GuestFS.open(disk, { format: 'raw', keys: ['secret'] });
      await g.luksAddKey('/dev/sda1', 'secret', 'another', 0);
      await expect(g.luksAddKey('/dev/sda1', 'secret', 'x', 0)).rejects.toMatchObject({ code: 'VMC_USAGE' });
      await expect(g.luksKillSlot('/dev/sda1', 'another', 0)).rejects.toMatchObject(WRONG);
      await g.luksKillSlot('/dev/sda1', 'secret', 0);
      await g.close();
      await using again = await GuestFS.open(disk, { readonly: true });
      await expect(again.luksOpen('/dev/sda1', 'another', 'x')).rejects.toMatchObject(WRONG);
      await again.luksOpen('/dev/sda1', 'secret', 'x');
    },
    2 * MINUTE,
  );

  it(
    'the command line: --key with a file and a key, --keys-from-stdin, and the commands of guestfish',
    async () => {
      for (const key of [`/dev/sda1:file:${keyFile()}`, 'all:key:secret']) {
        expect(await cli(['cat', disk, '/hello', '-m', '/dev/disk/by-label/inside', '--key', key])).toMatchObject({
          stdout: 'world\n',
          status: 0,
        });
      }
      const wrong = await cli(['cat', disk, '/hello', '-m', '/dev/disk/by-label/inside', '--key', '/dev/sda1:key:no']);
      expect(wrong.stderr).toContain('/dev/sda1: no given key opens it');
      expect(wrong.stderr).not.toContain(':no\n');
      const script = 'run\nluks-open /dev/sda1 plain\nmount-ro /dev/mapper/plain /\ncat /hello\n';
      writeFileSync(join(folder, 'script'), script);
      const piped = await cli(['--ro', '-a', disk, '--keys-from-stdin', '-f', join(folder, 'script')], {
        input: 'secret\n',
      });
      expect(piped).toMatchObject({ stdout: 'world\n\n', status: 0 });
    },
    2 * MINUTE,
  );

  it(
    'a guest whose disk is not written while it is read',
    async () => {
      const before = readFileSync(disk);
      await using g = await GuestFS.open(disk, { readonly: true, keys: ['secret'] });
      await g.mountRo('/dev/disk/by-label/inside', '/');
      expect(Buffer.compare(Buffer.from(await g.readFile('/big')), pattern(3 * MiB))).toBe(0);
      expect(Buffer.compare(readFileSync(disk), before)).toBe(0);
    },
    2 * MINUTE,
  );
});
