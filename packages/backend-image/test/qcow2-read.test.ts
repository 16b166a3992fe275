import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTools, withSteadyClock } from '@vmcraft/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { openDrive, patchwork, qemuInfo, sha256, sparseSha256, temporaryFolder, tool } from './oracle.js';

const hashOf = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

describe.runIf(requireTools('qemu-img', 'qemu-io'))('qcow2 images made by qemu-img', () => {
  const folder = temporaryFolder();
  const raw = join(folder, 'source.raw');
  const content = patchwork(5 * 1024 * 1024 + 1536, 1);
  const sum = hashOf(content);
  beforeAll(() => writeFileSync(raw, content));

  const variants: [string, string[]][] = [
    ['plain', []],
    ['compat 0.10', ['-o', 'compat=0.10']],
    ['512-byte clusters', ['-o', 'cluster_size=512']],
    ['2 MiB clusters', ['-o', 'cluster_size=2M']],
    ['1-bit refcounts', ['-o', 'refcount_bits=1']],
    ['extended L2', ['-o', 'extended_l2=on']],
    ['extended L2, 16 KiB clusters', ['-o', 'extended_l2=on,cluster_size=16k']],
    ['preallocated metadata', ['-o', 'preallocation=metadata']],
    ['compressed', ['-c']],
    ['compressed, 4 KiB clusters', ['-c', '-o', 'cluster_size=4k']],
    ['compressed, 2 MiB clusters', ['-c', '-o', 'cluster_size=2M']],
    ['zstd', ['-c', '-o', 'compression_type=zstd']],
    ['zstd, extended L2', ['-c', '-o', 'compression_type=zstd,extended_l2=on']],
    ['data file', ['-o', `data_file=${join(folder, 'data.raw')}`]],
    ['raw data file', ['-o', `data_file=${join(folder, 'data2.raw')},data_file_raw=on`]],
  ];
  for (const [name, options] of variants) {
    it(`reads: ${name}`, async () => {
      const image = join(folder, 'image.qcow2');
      await tool('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', ...options, raw, image);
      await using session = await openDrive(image);
      expect(session.device.size).toBe(content.length);
      expect(await sha256(session.device)).toBe(sum);
      expect(await sha256(session.device, 4096 + 512)).toBe(sum);
      expect(await sparseSha256(session.device)).toBe(sum);
      const info = await qemuInfo(image);
      const specific = (info['format-specific'] as { data: Record<string, unknown> }).data;
      for (const key of ['compat', 'compression-type', 'lazy-refcounts', 'refcount-bits', 'corrupt', 'extended-l2']) {
        if (specific[key] !== undefined) expect(session.info.details[key], key).toBe(specific[key]);
      }
      expect(session.info.details['cluster-size']).toBe(info['cluster-size']);
    });
  }

  it('tells holes from zeros', async () => {
    const image = join(folder, 'holes.qcow2');
    await tool('qemu-img', 'create', '-f', 'qcow2', image, '1G');
    await tool('qemu-io', '-c', 'write 1M 64k', '-c', 'write -z 2M 128k', image);
    await using session = await openDrive(image);
    const extents = [];
    const device = session.device as typeof session.device & { extents(o: number, l: number): AsyncIterable<unknown> };
    for await (const extent of device.extents(0, device.size)) extents.push(extent);
    const M = 1 << 20;
    expect(extents).toEqual([
      { offset: 0, length: M, kind: 'hole' },
      { offset: M, length: 65536, kind: 'data' },
      { offset: M + 65536, length: M - 65536, kind: 'hole' },
      { offset: 2 * M, length: 131072, kind: 'zero' },
      { offset: 2 * M + 131072, length: 1022 * M - 131072, kind: 'hole' },
    ]);
  });

  it('reads a chain of images, with a short one at its end', async () => {
    const base = join(folder, 'base.raw');
    writeFileSync(base, patchwork(3 * 1024 * 1024 + 512, 2));
    const middle = join(folder, 'middle.qcow2');
    const top = join(folder, 'top.qcow2');
    await tool('qemu-img', 'create', '-f', 'qcow2', '-b', 'base.raw', '-F', 'raw', middle, '8M');
    await tool('qemu-io', '-c', 'write -P 7 1M 70k', '-c', 'write -z 5M 1M', '-c', 'write -P 9 7M 4k', middle);
    await tool(
      'qemu-img',
      'create',
      '-f',
      'qcow2',
      '-o',
      'extended_l2=on',
      '-b',
      'middle.qcow2',
      '-F',
      'qcow2',
      top,
      '12M',
    );
    await tool('qemu-io', '-c', 'write -P 3 2M 5k', '-c', 'write -z 7M 2k', '-c', 'write -P 1 11M 1k', top);
    const flat = join(folder, 'flat.raw');
    await tool('qemu-img', 'convert', '-O', 'raw', top, flat);
    await using session = await openDrive(top);
    await using expected = await openDrive(flat, { format: 'raw' });
    expect(await sha256(session.device)).toBe(await sha256(expected.device));
    expect(await sparseSha256(session.device)).toBe(await sha256(expected.device));
    expect(session.info.backingFile).toBe(middle);
  });

  it('reads internal snapshots by name and id', async () => {
    const image = join(folder, 'snapshots.qcow2');
    await tool('qemu-img', 'create', '-f', 'qcow2', image, '4M');
    for (const [pattern, name] of [
      ['1', 'first'],
      ['2', 'second'],
    ] as const) {
      await tool('qemu-io', '-c', `write -P ${pattern} 0 1M`, image);
      await tool('qemu-img', 'snapshot', '-c', name, image);
    }
    await tool('qemu-io', '-c', 'write -P 3 0 1M', image);
    for (const [snapshot, byte] of [
      ['first', 1],
      ['2', 2],
      [undefined, 3],
    ] as const) {
      await using session = await openDrive(image, snapshot === undefined ? {} : { snapshot });
      expect((await session.device.read(4096, 1))[0]).toBe(byte);
    }
    await expect(openDrive(image, { snapshot: 'third' })).rejects.toMatchObject({ code: 'VMC_USAGE' });
  });

  it('refuses what it cannot read', async () => {
    const luks = join(folder, 'luks.qcow2');
    const secret = [
      '--object',
      'secret,id=s,data=abc',
      '-o',
      'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10',
    ];
    await withSteadyClock(() => tool('qemu-img', 'create', '-f', 'qcow2', ...secret, luks, '1M'));
    // Opening it takes a plugin for LUKS, which the backend alone does not have.
    await expect(openDrive(luks)).rejects.toMatchObject({ code: 'VMC_NO_CAPABILITY' });
    const a = join(folder, 'a.qcow2');
    const b = join(folder, 'b.qcow2');
    await tool('qemu-img', 'create', '-f', 'qcow2', a, '1M');
    await tool('qemu-img', 'create', '-f', 'qcow2', '-b', 'a.qcow2', '-F', 'qcow2', b, '1M');
    await tool('qemu-img', 'rebase', '-u', '-b', 'b.qcow2', '-F', 'qcow2', a);
    await expect(openDrive(a)).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
    await tool('qemu-img', 'rebase', '-u', '-b', '/etc/passwd', '-F', 'raw', a);
    await expect(openDrive(a)).rejects.toMatchObject({ code: 'VMC_NO_CAPABILITY' });
  });
});
