import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { openDrive, patchwork, qemuInfo, sha256, sparseSha256, temporaryFolder, tool } from './oracle.js';

const MiB = 1 << 20;

describe.runIf(requireTools('qemu-img'))('images of other formats made by qemu-img', () => {
  const folder = temporaryFolder();
  const content = patchwork(20 * MiB + 512 * 3, 31);
  const raw = join(folder, 'source.raw');
  beforeAll(() => writeFileSync(raw, content));

  const variants: [format: string, options: string][] = [
    ['vmdk', 'subformat=monolithicSparse'],
    ['vmdk', 'subformat=monolithicFlat'],
    ['vmdk', 'subformat=twoGbMaxExtentSparse'],
    ['vmdk', 'subformat=twoGbMaxExtentFlat'],
    ['vmdk', 'subformat=streamOptimized'],
    ['vmdk', 'subformat=monolithicSparse,zeroed_grain=on'],
    ['vpc', 'subformat=dynamic'],
    ['vpc', 'subformat=dynamic,force_size=on'],
    ['vpc', 'subformat=fixed'],
    ['vpc', 'subformat=fixed,force_size=on'],
    ['vhdx', 'subformat=dynamic'],
    ['vhdx', 'subformat=fixed'],
    ['vhdx', 'subformat=dynamic,block_size=1M,block_state_zero=off'],
    ['vdi', 'static=off'],
    ['vdi', 'static=on'],
    ['raw', ''],
  ];
  for (const [format, options] of variants) {
    it(`reads ${format} ${options}`, async () => {
      const image = join(folder, `image.${format}`);
      const extra = options === '' ? [] : ['-o', options];
      await tool('qemu-img', 'convert', '-f', 'raw', '-O', format, ...extra, raw, image);
      const flat = join(folder, 'flat.raw');
      await tool('qemu-img', 'convert', '-f', format, '-O', 'raw', image, flat);
      await using expected = await openDrive(flat, { format: 'raw' });
      const sum = await sha256(expected.device);
      await using session = await openDrive(image, format === 'vpc' && options.includes('fixed') ? { format } : {});
      expect(session.info.format).toBe(format);
      expect(session.device.size).toBe((await qemuInfo(image, '-f', format))['virtual-size']);
      expect(await sha256(session.device)).toBe(sum);
      expect(await sha256(session.device, 65536 + 512)).toBe(sum);
      expect(await sparseSha256(session.device)).toBe(sum);
      const twin = createHash('sha256').update(content).digest('hex');
      if (session.device.size === content.length) expect(sum).toBe(twin);
      const writing = openDrive(image, { format, readonly: false });
      if (format === 'raw') await (await writing).close();
      else await expect(writing).rejects.toMatchObject({ code: 'VMC_NO_CAPABILITY', message: /backend-nbd/ });
    });
  }

  it('reads a disk split over several extents', async () => {
    const image = join(folder, 'split.vmdk');
    await tool('qemu-img', 'create', '-f', 'vmdk', '-o', 'subformat=twoGbMaxExtentSparse', image, '5G');
    await tool('qemu-io', '-c', 'write -P 9 2047M 2M', '-c', 'write -P 8 4095M 3M', image);
    await using session = await openDrive(image);
    expect(session.info.details.extents).toBe(3);
    for (const [offset, byte] of [
      [2046, 0],
      [2047, 9],
      [2048, 9],
      [2049, 0],
      [4095, 8],
      [4097, 8],
    ] as const) {
      const data = await session.device.read(offset * MiB, MiB);
      expect(data.every((b) => b === byte)).toBe(true);
    }
    expect((await session.device.read(2048 * MiB - 5000, 10000)).every((b) => b === 9)).toBe(true);
  });

  it('reads a VMDK delta disk, and warns when its parent was changed', async () => {
    const base = join(folder, 'base.vmdk');
    const delta = join(folder, 'delta.vmdk');
    await tool('qemu-img', 'convert', '-f', 'raw', '-O', 'vmdk', raw, base);
    await tool('qemu-img', 'create', '-f', 'vmdk', '-b', 'base.vmdk', '-F', 'vmdk', delta);
    await tool('qemu-io', '-c', 'write -P 4 3M 100k', delta);
    const warnings: { message: string }[] = [];
    const flat = join(folder, 'flat.raw');
    await tool('qemu-img', 'convert', '-O', 'raw', delta, flat);
    await using expected = await openDrive(flat, { format: 'raw' });
    await using session = await openDrive(delta, {}, warnings as never);
    expect(await sparseSha256(session.device)).toBe(await sha256(expected.device));
    expect(session.info.backingFile).toBe(base);
    expect(warnings).toEqual([]);
    await tool('qemu-io', '-c', 'write -P 4 1M 4k', base);
    await (await openDrive(delta, {}, warnings as never)).close();
    expect(warnings[0]?.message).toMatch(/CID/);
  });

  it('opens any of them behind a qcow2', async () => {
    for (const format of ['vmdk', 'vpc', 'vhdx', 'vdi']) {
      const base = join(folder, `behind.${format}`);
      await tool('qemu-img', 'convert', '-f', 'raw', '-O', format, raw, base);
      const top = join(folder, 'top.qcow2');
      await tool('qemu-img', 'create', '-f', 'qcow2', '-b', base, '-F', format, top);
      await using session = await openDrive(top);
      const flat = join(folder, 'flat.raw');
      await tool('qemu-img', 'convert', '-O', 'raw', top, flat);
      await using expected = await openDrive(flat, { format: 'raw' });
      expect(await sparseSha256(session.device), format).toBe(await sha256(expected.device));
    }
  });
});
