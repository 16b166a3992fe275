import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core/block';
import { nodeCiphers } from '@vmcraft/core/runtime';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bitlockerActivator } from '../src/index.js';
import { makeBek, makeVolume, plainVolume, type VolumeRecipe } from './make-volume.js';

const SIZE = 0x120000;
/** Dislocker shows no more than what is encrypted. */
const LEAST = 0x9f000;
const RECOVERY = '471207-278498-422125-177177-561902-537405-468006-693451';
const BEK_ID = '7b2f3e66-0001-4c0f-9d3a-5d6f0a1b2c3d';
const METHODS = [0x8000, 0x8001, 0x8002, 0x8003, 0x8004, 0x8005];

async function read(image: Uint8Array, key: Uint8Array | string, ciphers = true): Promise<Uint8Array> {
  const request = { deviceName: '/dev/sda', volumeName: 'plain', readonly: true };
  const bytes = typeof key === 'string' ? new TextEncoder().encode(key) : key;
  const { device } = await bitlockerActivator.containers!.open(
    MemoryDevice.from(image),
    { ...request, key: bytes },
    { keys: { keysFor: async () => [] }, warn: () => undefined, ...(ciphers ? { ciphers: nodeCiphers } : {}) },
  );
  const data = (await device.read(0, device.size)).slice();
  const odd = await device.read(12_345, 70_001);
  expect(Buffer.compare(odd, data.subarray(12_345, 82_346))).toBe(0);
  await device.close();
  await expect(device.write(0, new Uint8Array(1))).rejects.toMatchObject({ code: 'VMC_READ_ONLY' });
  return data;
}

describe.runIf(requireTools('dislocker-file'))('every mode, with dislocker as judge', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-bitlocker-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** What dislocker decrypts. */
  function judge(image: Uint8Array, ...args: string[]): Uint8Array {
    const [source, target] = [join(folder, 'volume'), join(folder, 'plain')];
    writeFileSync(source, image);
    rmSync(target, { force: true });
    execFileSync('dislocker-file', ['-V', source, ...args, '--', target], { stdio: 'pipe' });
    return readFileSync(target);
  }

  async function agree(recipe: VolumeRecipe, key: Uint8Array | string, ...args: string[]): Promise<void> {
    const { image, shown } = await makeVolume(recipe);
    const judged = judge(image, ...args);
    const ours = await read(image, key);
    expect(ours.length).toBe(shown.length);
    expect(Buffer.compare(ours, shown)).toBe(0);
    // Dislocker 0.7.3 leaves the place of the metadata in the boot sector of Windows Vista, where NTFS has its MFT mirror.
    if (recipe.layout === 'vista') judged.set(shown.subarray(56, 64), 56);
    expect(Buffer.compare(judged, shown.subarray(0, judged.length))).toBe(0);
    expect(judged.length).toBeGreaterThan(LEAST);
  }

  it.each(METHODS)('method %i of Windows 7 and later, with a clear key', async (method) => {
    await agree({ plain: plainVolume(SIZE), method }, '', '-c');
  });

  it.each([0x8000, 0x8001, 0x8002, 0x8003])('method %i of Windows Vista', async (method) => {
    await agree({ plain: plainVolume(SIZE), method, layout: 'vista' }, '', '-c');
  });

  it('BitLocker To Go with a password', async () => {
    const protectors = [{ kind: 'password', secret: 'a password' }] as const;
    await agree({ plain: plainVolume(SIZE), method: 0x8002, layout: 'togo', protectors }, 'a password', '-ua password');
  }, 60_000);

  it('a recovery key, with and without dashes', async () => {
    const protectors = [{ kind: 'tpm' }, { kind: 'recovery', secret: RECOVERY }] as const;
    const recipe = { plain: plainVolume(SIZE), method: 0x8004, protectors };
    await agree(recipe, `${RECOVERY}\n`, `-p${RECOVERY}`);
    const { image, shown } = await makeVolume(recipe);
    expect(Buffer.compare(await read(image, RECOVERY.replaceAll('-', ''), false), shown)).toBe(0);
  }, 60_000);

  it('a startup key file', async () => {
    const bek = makeBek(BEK_ID);
    writeFileSync(join(folder, 'key.BEK'), bek);
    const protectors = [{ kind: 'bek', id: BEK_ID }] as const;
    await agree({ plain: plainVolume(SIZE), method: 0x8005, protectors }, bek, '-f', join(folder, 'key.BEK'));
  });

  it('a conversion that is paused: the rest is as it was', async () => {
    const plain = plainVolume(SIZE);
    await agree({ plain, method: 0x8003, state: 5, encryptedSize: 0xa0000 }, '', '-c');
    await agree({ plain, method: 0x8004, encryptedSize: SIZE - 512 }, '', '-c');
  });
});

describe('sectors of 4096 bytes', () => {
  it.each(METHODS)('method %i, also without ciphers of the platform', async (method) => {
    const { image, shown } = await makeVolume({ plain: plainVolume(SIZE, 4096), method, sectorSize: 4096 });
    expect(Buffer.compare(await read(image, ''), shown)).toBe(0);
    expect(Buffer.compare(await read(image, '', false), shown)).toBe(0);
  });
});
