import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core/block';
import { isVmcraftError } from '@vmcraft/core/errors';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { btrfsDriver } from '../src/index.js';
import { BTRFS_TOOLS, makeBtrfs, scratch, withMount } from './support.js';

const MARK = 'these words are in one place of the disk only, or in two\n';
const SUPERBLOCK = 0x10000;

/** Places of some bytes in an image. */
function placesOf(image: Uint8Array, text: string): number[] {
  const places: number[] = [];
  const buffer = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  for (let at = buffer.indexOf(text); at >= 0; at = buffer.indexOf(text, at + 1)) places.push(at);
  return places;
}

describe.runIf(requireTools(...BTRFS_TOOLS))('one flipped bit of Btrfs', () => {
  const { folder, remove } = scratch();
  const images = new Map<string, Uint8Array>();

  beforeAll(() => {
    for (const profile of ['single', 'dup']) {
      const [image = ''] = makeBtrfs(folder, ['-m', profile, '-d', profile], 1, '256M');
      withMount([image], folder, '', (mount) => {
        execFileSync(
          'sh',
          ['-c', `yes '${MARK.trim()}' | head -c 8192 > data; mkdir directory; touch directory/name-of-a-file`],
          {
            cwd: mount,
          },
        );
      });
      images.set(profile, new Uint8Array(readFileSync(join(image))));
    }
  });
  afterAll(remove);

  async function look(image: Uint8Array): Promise<string> {
    const warnings: string[] = [];
    const warn = ({ message }: { message: string }): void => void warnings.push(message);
    await using fs = await btrfsDriver.open(MemoryDevice.from(image), { readonly: true, warn });
    const directory = (await fs.lookup(fs.root, 'directory'))!;
    for await (const { name } of fs.readdir(directory)) expect(name).toBe('name-of-a-file');
    const data = await fs.read((await fs.lookup(fs.root, 'data'))!, 0, 8192);
    expect(new TextDecoder().decode(data.subarray(0, MARK.length))).toBe(MARK);
    return warnings.join('\n');
  }

  /** One bit of every copy, or of all copies. */
  function flipped(profile: string, text: string, only?: number): Uint8Array {
    const image = images.get(profile)!.slice();
    const places = placesOf(image, text);
    expect(places.length).toBeGreaterThan(0);
    for (const [i, at] of places.entries()) if (only === undefined || i < only) image[at]! ^= 4;
    return image;
  }

  it.each(['single', 'dup'])('%s: nothing is wrong with what was not changed', async (profile) => {
    expect(await look(images.get(profile)!)).toBe('');
  });

  it.each([
    ['contents', MARK],
    ['names', 'name-of-a-file'],
  ])('in %s is an error when no copy is right, and is not seen when one is', async (_what, text) => {
    for (const profile of ['single', 'dup']) {
      const failed = await look(flipped(profile, text)).catch((error: unknown) => error);
      expect(isVmcraftError(failed) && failed.code).toBe('VMC_CORRUPT');
      expect(String(failed)).toMatch(/csum/);
    }
    const copies = placesOf(images.get('dup')!, text);
    expect(copies.length % 2).toBe(0);
    // The first of both copies lies in front of the second.
    await look(flipped('dup', text, copies.length / 2));
  });

  it('in the superblock is a warning: there is another copy', async () => {
    const image = images.get('single')!.slice();
    image[SUPERBLOCK + 300]! ^= 1;
    expect(await look(image)).toMatch(/a copy of the superblock is damaged/);
    image.fill(0, 0x4000000, 0x4000000 + 4096);
    await expect(look(image)).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
  });

  it('of a feature that is not known is refused by its number', async () => {
    const image = images.get('single')!.slice();
    const { crc32c } = await import('@vmcraft/core/binary');
    for (const at of [SUPERBLOCK, 0x4000000]) {
      const view = new DataView(image.buffer, at, 4096);
      view.setBigUint64(188, view.getBigUint64(188, true) | (1n << 40n), true);
      view.setUint32(0, crc32c(image.subarray(at + 32, at + 4096)), true);
    }
    await expect(look(image)).rejects.toMatchObject({
      code: 'VMC_UNSUPPORTED',
      message: expect.stringContaining('0x10000000000'),
    });
  });
});
