import { MemoryDevice } from '@vmcraft/core/block';
import type { Warning } from '@vmcraft/core/contracts';
import { nodeCiphers } from '@vmcraft/core/runtime';
import { describe, expect, it } from 'vitest';
import { bitlockerActivator } from '../src/index.js';
import { CHUNK, EOW, makeEowVolume } from './make-eow.js';
import { plainVolume } from './make-volume.js';

const SIZE = 0x120000;

async function open(image: Uint8Array): Promise<{ data: Uint8Array; warnings: readonly string[] }> {
  const warnings: string[] = [];
  const context = {
    keys: { keysFor: async () => [] },
    warn: (w: Warning) => warnings.push(w.message),
    ciphers: nodeCiphers,
  };
  const device = MemoryDevice.from(image);
  const member = await bitlockerActivator.probe(device);
  const [volume] = await bitlockerActivator.activate([{ ...member!, deviceName: '/dev/sda' }], context);
  const data = (await volume!.device.read(0, volume!.device.size)).slice();
  const part = await volume!.device.read(CHUNK - 700, 3 * CHUNK);
  expect(Buffer.compare(part, data.subarray(CHUNK - 700, 4 * CHUNK - 700))).toBe(0);
  return { data, warnings };
}

describe('volumes that encrypt what is written', () => {
  const plain = plainVolume(SIZE);

  it.each([
    ['all', () => true],
    ['none', () => false],
    ['the first half', (chunk: number) => chunk < 18],
    ['every other', (chunk: number) => chunk % 2 === 0],
    ['all but that of the moved sectors', (chunk: number) => chunk !== 12],
  ] as const)('%s of the chunks are encrypted', async (_, isEncrypted) => {
    for (const method of [0x8000, 0x8004, 0x8005]) {
      const { image, shown } = await makeEowVolume({ plain, method }, isEncrypted);
      const { data, warnings } = await open(image);
      expect(warnings).toEqual([]);
      expect(Buffer.compare(data, shown)).toBe(0);
    }
  });

  it('states of a paused and of a finished conversion do as well; one that was interrupted does not', async () => {
    for (const state of [4, 5]) {
      const { image, shown } = await makeEowVolume({ plain, method: 0x8004, state }, (c) => c % 3 > 0);
      expect(Buffer.compare((await open(image)).data, shown)).toBe(0);
    }
    const { image } = await makeEowVolume({ plain, method: 0x8004, state: 2 }, () => true);
    await expect(open(image)).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED' });
  });

  it('a damaged copy is warned of, and one flipped bit in both or in a bitmap is an error', async () => {
    const { image, shown } = await makeEowVolume({ plain, method: 0x8004 }, (c) => c % 3 > 0);
    const changed = (...places: number[]): Uint8Array => {
      const copy = image.slice();
      for (const at of places) copy[at]! ^= 1;
      return copy;
    };
    const one = await open(changed(EOW.infos[0] + 20));
    expect(one.warnings).toEqual([expect.stringContaining('a copy of the state of its encryption is damaged')]);
    expect(Buffer.compare(one.data, shown)).toBe(0);
    for (const places of [
      [EOW.infos[0] + 20, EOW.infos[1] + 3],
      [EOW.bitmaps[0] + 22],
      [EOW.bitmaps[1] + 100],
      [EOW.bitmaps[0] + 512 + 20, EOW.bitmaps[0] + 2048 + 37],
    ]) {
      await expect(open(changed(...places))).rejects.toMatchObject({
        code: 'VMC_CORRUPT',
        message: expect.stringContaining('no copy of the state of its encryption is whole'),
      });
    }
  });

  it('without the newer record, the one before counts', async () => {
    const { image } = await makeEowVolume({ plain, method: 0x8004 }, () => true);
    for (const at of EOW.bitmaps) image[at + 2048 + 37]! ^= 1;
    const { data } = await open(image);
    // It says that nothing is encrypted: what is read is what lies there.
    expect(Buffer.compare(data.subarray(0x8000, 0x10000), image.subarray(0x8000, 0x10000))).toBe(0);
  });

  it('bitmaps that do not cover the volume are an error', async () => {
    const { image } = await makeEowVolume({ plain, method: 0x8004 }, () => true);
    const longer = new Uint8Array(SIZE + CHUNK);
    longer.set(image);
    await expect(open(longer)).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
  });
});
