import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { equalBytes } from '@vmcraft/core/binary';
import { requireTools } from '@vmcraft/testkit';
import { execaSync } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fatDriver } from '../src/index.js';
import { formatted, openWritable, saveImage } from './support.js';

const MIB = 1024 * 1024;

const CASES: [type: string, size: number, version: string, options: Parameters<typeof formatted>[2]][] = [
  ['vfat', 1440 * 1024, 'FAT12', { label: 'FLOPPY' }],
  ['vfat', 8 * MIB, 'FAT12', {}],
  ['vfat', 100 * MIB, 'FAT16', { label: 'MEDIUM', uuid: 'DEAD-BEEF' }],
  ['vfat', 512 * MIB, 'FAT32', { label: 'ESP' }],
  ['fat12', 4 * MIB, 'FAT12', { blockSize: 8192 }],
  ['fat16', 16 * MIB, 'FAT16', {}],
  ['fat16', 64 * MIB, 'FAT16', { sectorSize: 4096 }],
  ['fat32', 40 * MIB, 'FAT32', { label: 'small' }],
  ['fat32', 100 * MIB, 'FAT32', { label: 'EFI' }],
  ['fat32', 300 * MIB, 'FAT32', { sectorSize: 4096 }],
  ['fat32', 100 * MIB + 12345, 'FAT32', { blockSize: 1024 }],
  ['exfat', 2 * MIB, '1.0', { label: 'tiny' }],
  ['exfat', 64 * MIB, '1.0', { label: 'Новый том', uuid: '1234-ABCD' }],
  ['exfat', 64 * MIB, '1.0', { blockSize: 131072 }],
  ['exfat', 128 * MIB, '1.0', { sectorSize: 4096 }],
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vmcraft-fat-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('format', () => {
  it.each(CASES)('%s of %d bytes: what probe and check say', async (type, size, version, options) => {
    const device = await formatted(type, size, options);
    const found = await fatDriver.probe(device);
    expect(found?.version).toBe(version);
    expect(found?.label).toBe(options?.label);
    if (options?.uuid !== undefined) expect(found?.uuid).toBe(options.uuid);
    expect(await fatDriver.check!(device)).toEqual({ clean: true, findings: [] });
    const fs = await openWritable(device);
    const { blocksFree, blocks, blockSize } = await fs.statfs();
    if (options?.blockSize !== undefined) expect(blockSize).toBe(options.blockSize);
    expect(blocksFree).toBeGreaterThan(blocks * 0.8);
    await fs.close();
  });

  it('gives the same bytes for the same time', async () => {
    const make = async (): Promise<Uint8Array> => {
      const device = await formatted('fat32', 40 * MIB);
      await fatDriver.format!(device, 'fat32', { now: { sec: 1_700_000_000, nsec: 0 }, label: 'SAME' });
      return device.read(0, 2 * MIB);
    };
    expect(equalBytes(await make(), await make())).toBe(true);
  });

  it('refuses what cannot be', async () => {
    await expect(formatted('fat12', 600 * MIB, { blockSize: 512 })).rejects.toMatchObject({ code: 'VMC_USAGE' });
    await expect(formatted('fat16', 1 * MIB, { blockSize: 65536 })).rejects.toMatchObject({ code: 'VMC_USAGE' });
    await expect(formatted('exfat', 65536)).rejects.toMatchObject({ code: 'VMC_USAGE' });
    await expect(formatted('fat32', 40 * MIB, { blockSize: 3000 })).rejects.toMatchObject({ code: 'VMC_USAGE' });
    await expect(formatted('ext4', 40 * MIB)).rejects.toMatchObject({ code: 'VMC_USAGE' });
    await expect(formatted('vfat', 40 * MIB, { label: 'TWELVE CHARS' })).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(formatted('vfat', 40 * MIB, { uuid: 'nonsense' })).rejects.toMatchObject({ code: 'VMC_USAGE' });
  });
});

describe.runIf(requireTools('fsck.fat', 'fsck.exfat', 'blkid', 'minfo'))('format, as other tools see it', () => {
  it.each(CASES)('%s of %d bytes (%s)', async (type, size, version, options) => {
    const path = await saveImage(await formatted(type, size, options), join(folder, 'image'));
    const fsck = execaSync(type === 'exfat' ? 'fsck.exfat' : 'fsck.fat', ['-n', path], { reject: false, all: true });
    expect([fsck.exitCode, fsck.all]).toEqual([0, fsck.all]);
    const blkid = execaSync('blkid', ['-p', '-o', 'export', path]).stdout;
    expect(blkid).toContain(`VERSION=${version}`);
    expect(blkid).toContain(`TYPE=${type === 'exfat' ? 'exfat' : 'vfat'}`);
    if (options?.label !== undefined && /^\w+$/.test(options.label)) expect(blkid).toContain(`LABEL=${options.label}`);
    if (options?.uuid !== undefined) expect(blkid).toContain(`UUID=${options.uuid}`);
    if (type !== 'exfat') {
      const minfo = execaSync('minfo', ['-i', path, '::'], { reject: false, all: true });
      expect([minfo.exitCode, minfo.all]).toEqual([0, minfo.all]);
      expect(minfo.stdout).toContain(`disk type="${version.padEnd(8)}"`);
    }
  });
});
