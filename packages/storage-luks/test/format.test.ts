import { MemoryDevice } from '@vmcraft/core/block';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { ContainerFile, context, open, randomBytes, text, tools } from './container-file.js';

const MiB = 1 << 20;
const QUICK = { pbkdf: 'argon2id', iterations: 4, memory: 64, cpus: 2, digestIterations: 1000 };
const QUICK1 = { iterations: 1000, digestIterations: 1000 };
const request = { deviceName: '/dev/sda', key: text('secret'), randomBytes };

const FORMATS: readonly (readonly [string, 1 | 2, number, string | undefined, Record<string, string | number>])[] = [
  ['LUKS1', 1, 4, undefined, QUICK1],
  ['LUKS1 aes-cbc-essiv', 1, 4, 'aes-cbc-essiv:sha256', { ...QUICK1, hash: 'sha1' }],
  ['LUKS2', 2, 40, undefined, QUICK],
  ['LUKS2 on a small device', 2, 2, undefined, QUICK],
  ['LUKS2 pbkdf2', 2, 40, undefined, { ...QUICK, pbkdf: 'pbkdf2', iterations: 1000, hash: 'sha512' }],
  ['LUKS2 sectors of 4096', 2, 40, 'aes-cbc-essiv:sha256', { ...QUICK, sectorSize: 4096, keyBits: 128 }],
];

describe.runIf(requireTools('cryptsetup'))('containers that we make', () => {
  it.each(FORMATS)(
    '%s: cryptsetup opens it, and every key operation of ours',
    async (_, version, size, cipher, extra) => {
      using file = new ContainerFile(size * MiB);
      const device = file.load();
      const more = { version, extra, ...(cipher === undefined ? {} : { cipher }) };
      await tools.format(device, { ...request, slot: 2, label: version === 2 ? 'mine' : '', ...more }, context);
      await file.save(device);
      expect(file.opensWith('secret')).toBe('2');
      expect(file.opensWith('wrong')).toBeUndefined();
      expect(file.cryptsetup('luksDump', file.path)).toMatch(new RegExp(`Version:\\s+${version}`));
      await open(device);

      await tools.addKey(device, { ...request, newKey: text('second'), slot: -1 }, context);
      await file.save(device);
      expect([file.opensWith('secret'), file.opensWith('second')]).toEqual(['2', '0']);
      await tools.changeKey(device, { ...request, key: text('second'), newKey: text('third'), slot: -1 }, context);
      await file.save(device);
      expect([file.opensWith('second'), file.opensWith('third')]).toEqual([undefined, '0']);
      await tools.killSlot(device, { ...request, key: text('third'), slot: 2 }, context);
      await file.save(device);
      expect([file.opensWith('secret'), file.opensWith('third')]).toEqual([undefined, '0']);
      await expect(open(device)).rejects.toMatchObject({ code: 'VMC_KEY_WRONG' });
      expect((await open(device, 'third')).device.writable).toBe(true);
    },
  );

  it('repairs nothing, and cryptsetup repair finds nothing to do', async () => {
    using file = new ContainerFile(40 * MiB);
    const device = file.load();
    await tools.format(device, { ...request, slot: 0, extra: QUICK }, context);
    await file.save(device);
    expect(file.cryptsetup('repair', file.path)).not.toMatch(/repaired/i);
    expect(file.cryptsetup('isLuks', '-v', file.path)).toMatch(/successful/);
  });

  it('the default costs are those that cryptsetup accepts', async () => {
    using file = new ContainerFile(40 * MiB);
    const device = file.load();
    await tools.format(device, { ...request, slot: 0 }, context);
    await file.save(device);
    expect(file.opensWith('secret')).toBe('0');
  }, 120_000);
});

describe('key operations that cannot be done', () => {
  const made = async (): Promise<MemoryDevice> => {
    const device = new MemoryDevice(2 * MiB);
    await tools.format(device, { ...request, slot: 0, extra: QUICK }, context);
    return device;
  };

  it('a wrong key changes nothing', async () => {
    const device = await made();
    const before = (await device.read(0, device.size)).slice();
    const wrong = { ...request, key: text('wrong') };
    const refused = { code: 'VMC_KEY_WRONG' };
    await expect(tools.addKey(device, { ...wrong, newKey: text('x'), slot: -1 }, context)).rejects.toMatchObject(
      refused,
    );
    await expect(tools.changeKey(device, { ...wrong, newKey: text('x'), slot: -1 }, context)).rejects.toMatchObject(
      refused,
    );
    await tools.addKey(device, { ...request, newKey: text('x'), slot: 1 }, context);
    await expect(tools.killSlot(device, { ...wrong, slot: 1 }, context)).rejects.toMatchObject(refused);
    await tools.killSlot(device, { ...request, slot: 1 }, context);
    expect((await device.read(0, 0x4000)).subarray(4096 + 400)).toEqual(before.subarray(4096 + 400, 0x4000));
  });

  it('the last slot stays, and slots that are taken or do not exist', async () => {
    const device = await made();
    await expect(tools.killSlot(device, { ...request, slot: 0 }, context)).rejects.toMatchObject({
      code: 'VMC_KEY_WRONG',
    });
    await expect(tools.killSlot(device, { ...request, slot: 3 }, context)).rejects.toThrow(/slot 3 is not in use/);
    const add = (slot: number) => tools.addKey(device, { ...request, newKey: text('x'), slot }, context);
    await expect(add(0)).rejects.toThrow(/slot 0 is in use/);
    await expect(add(32)).rejects.toThrow(/no key slot 32/);
    await add(-1);
    await add(-1);
    await expect(add(-1)).rejects.toThrow(/area for key slots is full/);
  });

  it('a device that is too small', async () => {
    const device = new MemoryDevice(512 * 1024);
    await expect(tools.format(device, { ...request, slot: 0, extra: QUICK }, context)).rejects.toThrow(/too small/);
  });
});
