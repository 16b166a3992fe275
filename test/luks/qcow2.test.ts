import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pattern, requireTools, withSteadyClock } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';

const MiB = 1 << 20;
const KEYS = { keys: ['secret'] };

describe.runIf(requireTools('qemu-img', 'nbdkit'))('images that qemu encrypts', () => {
  let folder: string;
  const at = (name: string): string => join(folder, name);
  const secret = (): string[] => ['--object', `secret,id=s,file=${at('secret')}`];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-crypt-'));
    writeFileSync(at('secret'), 'secret');
    writeFileSync(at('plain'), pattern(3 * MiB));
    truncateSync(at('plain'), 8 * MiB);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function convert(format: string, options: string, ...more: string[]): Promise<string> {
    const path = at(`${format}-${options.replaceAll(/[^a-z0-9]/g, '')}`);
    const args = ['convert', ...secret(), '-O', format, '-o', options, ...more, at('plain'), path];
    await withSteadyClock(() => execFileSync('qemu-img', args, { stdio: 'pipe' }));
    return path;
  }

  /** What qemu reads, as plain bytes. */
  function throughQemu(path: string, driver: string): Uint8Array {
    const key = driver === 'luks' ? 'key-secret=s' : 'encrypt.key-secret=s';
    const source = `driver=${driver},file.driver=file,file.filename=${path},${key}`;
    execFileSync('qemu-img', ['convert', ...secret(), '--image-opts', source, '-O', 'raw', at('out')]);
    return readFileSync(at('out'));
  }

  const read = async (path: string, keys: readonly string[], device = '/dev/sda'): Promise<Uint8Array> => {
    await using g = await GuestFS.open(path, { readonly: true, keys });
    const size = await g.blockdevGetsize64(device);
    return await g.preadDevice(device, size, 0);
  };
  const same = (a: Uint8Array, b: Uint8Array): void => expect(Buffer.compare(a, b)).toBe(0);

  const LUKS = 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10';

  it.each([
    ['luks', LUKS],
    ['luks, clusters of 4 KiB', `${LUKS},cluster_size=4k`],
    ['luks with subclusters', `${LUKS},extended_l2=on`],
    [
      'luks, aes-cbc-essiv',
      `${LUKS},encrypt.cipher-alg=aes-128,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=essiv,encrypt.ivgen-hash-alg=sha256`,
    ],
    ['the old aes', 'encrypt.format=aes,encrypt.key-secret=s'],
  ])('qcow2 with %s reads as qemu reads it', async (_, options) => {
    const path = await convert('qcow2', options);
    same(await read(path, ['secret']), readFileSync(at('plain')));
    await expect(GuestFS.open(path, { readonly: true })).rejects.toMatchObject({ code: 'VMC_KEY_REQUIRED' });
  });

  it('a wrong key says exactly that', async () => {
    const path = await convert('qcow2', LUKS);
    const message = expect.stringContaining(`${path}: no given key opens it`);
    await expect(GuestFS.open(path, { keys: ['wrong'] })).rejects.toMatchObject({ code: 'VMC_KEY_WRONG', message });
  });

  it.each(['cluster_size=64k', 'cluster_size=4k', 'extended_l2=on'])(
    'writes qcow2 with %s so that qemu reads it',
    async (more) => {
      const path = await convert('qcow2', `${LUKS},${more}`);
      const expected = readFileSync(at('plain'));
      const g = await GuestFS.open(path, KEYS);
      // Within clusters there are, in new ones, over holes, not aligned to anything.
      for (const [offset, length] of [
        [100, 50],
        [70_000, 200_000],
        [4_000_001, 333],
        [8 * MiB - 1000, 1000],
        [5 * MiB, 90_001],
      ] as const) {
        const data = pattern(length, offset);
        expected.set(data, offset);
        await g.pwriteDevice('/dev/sda', data, offset);
      }
      await g.close();
      same(throughQemu(path, 'qcow2'), expected);
      same(await read(path, ['secret']), expected);
      const check = ['check', ...secret(), '--image-opts', `driver=qcow2,file.filename=${path},encrypt.key-secret=s`];
      expect(execFileSync('qemu-img', check, { encoding: 'utf8' })).toContain('No errors were found');
    },
  );

  it('the old aes is not written', async () => {
    const path = await convert('qcow2', 'encrypt.format=aes,encrypt.key-secret=s');
    await expect(GuestFS.open(path, KEYS)).rejects.toMatchObject({ code: 'VMC_NO_CAPABILITY' });
  });

  it.each([
    'cipher-alg=aes-256,cipher-mode=xts,ivgen-alg=plain64',
    'cipher-alg=aes-256,cipher-mode=cbc,ivgen-alg=essiv,ivgen-hash-alg=sha256',
    'cipher-alg=aes-128,cipher-mode=cbc,ivgen-alg=plain64,hash-alg=sha512',
  ])('LUKS1 images of qemu, %s: read and written', async (options) => {
    const path = await convert('luks', `key-secret=s,iter-time=10,${options}`);
    const expected = readFileSync(at('plain'));
    const g = await GuestFS.open(path, { ...KEYS, format: 'raw' });
    const [device = ''] = await g.listDmDevices();
    same(await g.preadDevice(device, 8 * MiB, 0), expected);
    const data = pattern(100_001, 7);
    expected.set(data, 777);
    await g.pwriteDevice(device, data, 777);
    await g.close();
    same(throughQemu(path, 'luks'), expected);
    // nbdkit knows no ESSIV.
    if (options.includes('essiv')) return;
    const args = ['-r', '-U', '-', '--filter=luks', 'file', path, `passphrase=+${at('secret')}`];
    const size = 'nbdcopy "$uri" - | sha256sum';
    const sums = [execFileSync('nbdkit', [...args, '--run', size], { encoding: 'utf8' }), sha256sum(at('out'))];
    expect(sums[0]?.slice(0, 64)).toBe(sums[1]?.slice(0, 64));
    expect(statSync(at('out')).size).toBe(8 * MiB);
  });
});

const sha256sum = (path: string): string => execFileSync('sha256sum', [path], { encoding: 'utf8' });
