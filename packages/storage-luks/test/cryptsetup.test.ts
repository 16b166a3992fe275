import { pattern, requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { ContainerFile, context, open, randomBytes, referenceEncrypt, text, tools } from './container-file.js';

const MiB = 1 << 20;
const QUICK1 = ['--pbkdf-force-iterations', '1000'];
const QUICK2 = ['--pbkdf-memory', '64', '--pbkdf-parallel', '2', '--pbkdf-force-iterations', '4'];

/** Cipher, bits of the key, hash: what cryptsetup makes without device-mapper. */
const LUKS1: readonly (readonly [string, number, string])[] = [
  ['aes-xts-plain64', 512, 'sha256'],
  ['aes-xts-plain64', 256, 'sha512'],
  ['aes-xts-plain', 256, 'ripemd160'],
  ['aes-xts-essiv:sha256', 512, 'sha256'],
  ['aes-cbc-essiv:sha256', 256, 'sha1'],
  ['aes-cbc-essiv:sha256', 192, 'sha256'],
  ['aes-cbc-plain64', 128, 'sha512'],
  ['aes-cbc-plain', 256, 'whirlpool'],
  ['aes-cbc-plain64be', 256, 'sha3-256'],
  ['aes-cbc-null', 256, 'blake2b-512'],
  ['aes-ecb', 256, 'blake2s-256'],
];

const LUKS2: readonly (readonly [string, readonly string[]])[] = [
  ['argon2id', ['--pbkdf', 'argon2id', ...QUICK2]],
  ['argon2i', ['--pbkdf', 'argon2i', ...QUICK2]],
  ['pbkdf2 with sha512', ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '--hash', 'sha512']],
  ['sectors of 4096', ['--sector-size', '4096', ...QUICK2]],
  ['sectors of 2048', ['--sector-size', '2048', ...QUICK2]],
  ['sectors of 1024', ['--sector-size', '1024', ...QUICK2]],
  ['aes-cbc-essiv', ['-c', 'aes-cbc-essiv:sha256', '-s', '256', ...QUICK2]],
  ['keys in other slots', ['--key-slot', '7', ...QUICK2]],
  ['a key slot cipher of its own', ['--keyslot-cipher', 'aes-cbc-plain64', '--keyslot-key-size', '256', ...QUICK2]],
  ['large metadata', ['--luks2-metadata-size', '64k', '--luks2-keyslots-size', '2m', ...QUICK2]],
  ['a label and an offset', ['--label', 'name', '--subsystem', 'sub', '--offset', '40960', ...QUICK2]],
];

describe.runIf(requireTools('cryptsetup'))('containers that cryptsetup made', () => {
  it.each(LUKS1)('LUKS1 %s, %i bits, %s: reads and writes as OpenSSL does', async (cipher, bits, hash) => {
    using file = new ContainerFile(4 * MiB);
    file.cryptsetup(
      ...['luksFormat', '--type', 'luks1', '-c', cipher, '-s', String(bits), '-h', hash, ...QUICK1],
      ...[file.path, file.keyFile],
    );
    await checkPayload(file, cipher, 512);
  });

  it.each(LUKS2)('LUKS2 with %s: reads and writes as OpenSSL does', async (_, options) => {
    using file = new ContainerFile(24 * MiB);
    file.cryptsetup('luksFormat', '--type', 'luks2', ...options, file.path, file.keyFile);
    const dump = file.cryptsetup('luksDump', file.path);
    await checkPayload(file, /\n\s+cipher: (\S+)/.exec(dump)?.[1] ?? '', Number(/sector: (\d+)/.exec(dump)?.[1]));
  });

  it('detached headers', async () => {
    for (const type of ['luks1', 'luks2']) {
      using header = new ContainerFile(type === 'luks1' ? 4 * MiB : 16 * MiB);
      using data = new ContainerFile(1 * MiB);
      const quick = type === 'luks1' ? QUICK1 : QUICK2;
      header.cryptsetup(
        ...[
          'luksFormat',
          '--type',
          type,
          '--header',
          header.path,
          ...quick,
          ...(type === 'luks1' ? [] : ['--sector-size', '512']),
          data.path,
          header.keyFile,
        ],
      );
      const device = data.load();
      const volume = await open(device, 'secret', { header: header.load() });
      expect(volume.device.size).toBe(MiB);
      await volume.device.write(512 * 700, pattern(1024));
      const expected = referenceEncrypt('aes-xts-plain64', header.volumeKey(), pattern(1024), { firstSector: 700 });
      expect(await device.read(512 * 700, 1024)).toEqual(expected);
      await expect(open(header.load())).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED' });
    }
  });

  it('a reencryption that was begun is refused by name, whatever the passphrase', async () => {
    using file = new ContainerFile(20 * MiB);
    const quick = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '--key-file', file.keyFile];
    file.cryptsetup('luksFormat', ...quick, file.path);
    expect((await open(file.load())).device.size).toBe(4 * MiB);
    file.cryptsetup('reencrypt', '--init-only', '--force-offline-reencrypt', ...quick, file.path);
    expect(file.cryptsetup('luksDump', file.path)).toContain('online-reencrypt');
    await expect(open(file.load())).rejects.toMatchObject({
      code: 'VMC_UNSUPPORTED',
      message: expect.stringContaining('reencryption in progress'),
    });
  });

  it('several slots, unbound ones, and a token that stays', async () => {
    using file = new ContainerFile(24 * MiB);
    file.cryptsetup('luksFormat', '--type', 'luks2', ...QUICK2, file.path, file.keyFile);
    const add = (secret: string, ...more: string[]): void => {
      using other = new ContainerFile(0, secret);
      file.cryptsetup('luksAddKey', ...QUICK2, '--key-file', file.keyFile, ...more, file.path, other.keyFile);
    };
    add('second');
    add('unbound', '--unbound', '--key-size', '256', '--key-slot', '5');
    file.cryptsetup('token', 'add', '--key-description', 'mine', '--key-slot', '1', file.path);
    await open(file.load());
    await open(file.load(), 'second');
    await expect(open(file.load(), 'unbound')).rejects.toMatchObject({ code: 'VMC_KEY_WRONG' });
    const device = file.load();
    const request = { deviceName: '/dev/sda', key: text('secret'), randomBytes };
    await tools.addKey(device, { ...request, newKey: text('ours'), slot: -1 }, context);
    await tools.killSlot(device, { ...request, slot: 1 }, context);
    await file.save(device);
    const dump = file.cryptsetup('luksDump', file.path);
    expect(dump).toMatch(/Tokens:\n\s+0: luks2-keyring/);
    expect(dump).toMatch(/Digests:\n\s+0: pbkdf2[\s\S]*1: pbkdf2/);
    expect([file.opensWith('secret'), file.opensWith('ours'), file.opensWith('second')]).toEqual(['0', '2', undefined]);
    expect(file.opensWith('unbound', ['--key-slot', '5'])).toBe('5');
  });

  it('what luksConvertKey, convert and luksChangeKey leave', async () => {
    using file = new ContainerFile(24 * MiB);
    file.cryptsetup('luksFormat', '--type', 'luks1', ...QUICK1, file.path, file.keyFile);
    file.cryptsetup('convert', '--type', 'luks2', file.path);
    await open(file.load());
    file.cryptsetup('luksConvertKey', ...QUICK2, '--pbkdf', 'argon2id', '--key-file', file.keyFile, file.path);
    await open(file.load());
  });
});

/** What we write is what OpenSSL encrypts with the key that cryptsetup names; unaligned pieces too. */
async function checkPayload(file: ContainerFile, cipher: string, sectorSize: number): Promise<void> {
  const device = file.load();
  const volume = await open(device);
  const key = file.volumeKey();
  const start = device.size - volume.device.size;
  const size = Math.min(volume.device.size, 256 * 1024 + 3 * sectorSize);
  const plain = pattern(size, 5);
  const whole = referenceEncrypt(cipher, key, plain, { sectorSize });
  await volume.device.write(0, plain.subarray(0, 1000));
  await volume.device.write(1000, plain.subarray(1000));
  expect(Buffer.compare(await device.read(start, size), whole)).toBe(0);
  const again = (await open(device)).device;
  expect(Buffer.compare(await again.read(0, size), plain)).toBe(0);
  expect(await again.read(777, 5000)).toEqual(plain.subarray(777, 5777));
  expect(again.sectorSize).toBe(sectorSize === 512 ? 512 : 4096);
}
