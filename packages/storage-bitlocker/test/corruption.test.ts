import { crc32 } from 'node:zlib';
import { MemoryDevice } from '@vmcraft/core/block';
import type { Warning } from '@vmcraft/core/contracts';
import { nodeCiphers } from '@vmcraft/core/runtime';
import { beforeAll, describe, expect, it } from 'vitest';
import { bitlockerActivator } from '../src/index.js';
import { makeVolume, PLACES, plainVolume, type VolumeRecipe } from './make-volume.js';

const CLEAR: VolumeRecipe = { plain: plainVolume(0x120000), method: 0x8004 };
const { metadata } = PLACES;

describe('damaged and unusual volumes', () => {
  let image: Uint8Array;
  let shown: Uint8Array;
  beforeAll(async () => {
    ({ image, shown } = await makeVolume(CLEAR));
  });

  async function open(data: Uint8Array, keys: readonly string[] = []): Promise<readonly Warning[]> {
    const warnings: Warning[] = [];
    const device = MemoryDevice.from(data);
    const member = await bitlockerActivator.probe(device);
    expect(member?.type).toBe('BitLocker');
    const secrets = keys.map((k) => new TextEncoder().encode(k));
    const context = { keys: { keysFor: async () => secrets }, warn: (w: Warning) => warnings.push(w) };
    const members = [{ ...member!, deviceName: '/dev/sda2' }];
    const [volume] = await bitlockerActivator.activate(members, { ...context, ciphers: nodeCiphers });
    const read = await volume!.device.read(0, volume!.device.size);
    expect(Buffer.compare(read, shown)).toBe(0);
    return warnings;
  }

  /** A copy with a change made to every copy of the metadata, its checksum put right. */
  function edited(change: (block: Buffer) => void, reseal = true): Uint8Array {
    const data = image.slice();
    for (const at of metadata) {
      const block = Buffer.from(data.buffer, at, 65_536);
      const size = block.readUInt16LE(8) * 16;
      change(block);
      if (reseal) block.writeUInt32LE(crc32(block.subarray(0, size)), size + 4);
    }
    return data;
  }

  it('one or two damaged copies of the metadata are warned of, three are an error', async () => {
    const data = image.slice();
    expect(await open(data)).toEqual([]);
    for (const at of metadata.slice(0, 2)) {
      data[at + 200]! ^= 1;
      expect((await open(data)).map((w) => w.message)).toEqual([
        expect.stringContaining('a copy of the metadata is damaged, another one is used'),
      ]);
    }
    data[metadata[2] + 200]! ^= 1;
    await expect(open(data)).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
  });

  it('a change whose checksum was put right is noticed by the sealed digest', async () => {
    const data = edited((block) => block.writeUInt32LE(77, 64 + 32));
    await expect(open(data)).rejects.toMatchObject({
      code: 'VMC_CORRUPT',
      message: expect.stringContaining('sealed with the volume master key'),
    });
  });

  it('a validation without a digest is only a checksum', async () => {
    const { image: plain } = await makeVolume({ ...CLEAR, validation: 1 });
    expect(await open(plain)).toEqual([]);
  });

  it.each([1, 2, 3, 9])('state %i is refused by name', async (state) => {
    const { image: data } = await makeVolume({ ...CLEAR, state });
    await expect(open(data)).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED' });
  });

  it('a paused conversion of Windows Vista does not say how far it came', async () => {
    const { image: data } = await makeVolume({ ...CLEAR, method: 0x8000, layout: 'vista', state: 5 });
    await expect(open(data)).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED' });
  });

  it('unknown versions, methods and encryption on write are refused by name', async () => {
    const version = edited((block) => block.writeUInt16LE(3, 10));
    await expect(open(version)).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED' });
    const method = edited((block) => block.writeUInt32LE(0x8006, 64 + 36));
    await expect(open(method)).rejects.toMatchObject({ message: expect.stringContaining('encryption method 0x8006') });
    const eow = image.slice();
    // Nothing of it is where the boot sector says.
    eow.set(Buffer.from('3b4da89280dd0e4d9e4eb1e3284eaed8', 'hex'), 160);
    await expect(open(eow)).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
  });

  it('a device that ends too early says so', async () => {
    await expect(open(image.slice(0, image.length - 4096))).rejects.toMatchObject({ code: 'VMC_TRUNCATED' });
  });

  it('sizes and places that lead nowhere are errors', async () => {
    const changes: ((block: Buffer) => void)[] = [
      (block) => block.writeUInt16LE(2, 8),
      (block) => block.writeUInt16LE(0xffff, 8),
      (block) => block.writeUInt32LE(0xffffffff, 64),
      (block) => block.writeUInt32LE(0xffffffff, 64 + 8),
      (block) => block.writeUInt16LE(3, 64 + 48),
      (block) => block.writeUInt16LE(0xffff, 64 + 48),
      (block) => block.writeBigUInt64LE(0xffffffffffffffffn, 32),
      (block) => block.writeBigUInt64LE(513n, 32),
      (block) => block.writeBigUInt64LE(513n, 16),
    ];
    for (const change of changes) {
      const before = image.slice();
      const data = edited((block) => change(block), false);
      const size = Buffer.from(before.buffer).readUInt16LE(metadata[0] + 8) * 16;
      for (const at of metadata) {
        const block = Buffer.from(data.buffer, at, 65_536);
        block.writeUInt32LE(crc32(block.subarray(0, size)), size + 4);
      }
      await expect(open(data)).rejects.toMatchObject({ code: expect.stringMatching(/CORRUPT|TRUNCATED/) });
    }
    const boot = image.slice();
    boot[11] = 1;
    await expect(open(boot)).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
  });

  it('no key, a wrong key and a TPM alone: the error lists the ways in, never a secret', async () => {
    const id = '7b2f3e66-0001-4c0f-9d3a-5d6f0a1b2c3d';
    const { image: two } = await makeVolume({ ...CLEAR, protectors: [{ kind: 'tpm' }, { kind: 'bek', id }] });
    const ways = '(it is protected by TPM, startup key)';
    await expect(open(two)).rejects.toMatchObject({
      code: 'VMC_KEY_REQUIRED',
      message: `/dev/sda2: a key is required ${ways}`,
    });
    await expect(open(two, ['secret'])).rejects.toMatchObject({
      code: 'VMC_KEY_WRONG',
      message: `/dev/sda2: no given key opens it ${ways}`,
    });
    const { image: tpm } = await makeVolume({ ...CLEAR, protectors: [{ kind: 'tpm' }] });
    await expect(open(tpm)).rejects.toMatchObject({
      code: 'VMC_KEY_REQUIRED',
      message: expect.stringContaining('it is protected by TPM only, which needs the machine it belongs to'),
    });
  });
});
