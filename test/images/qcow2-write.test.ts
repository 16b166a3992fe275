import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { imageBackend } from '@vmcraft/backend-image';
import { type BlockDevice, isDiscardable } from '@vmcraft/core';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import {
  context,
  openDrive,
  patchwork,
  randomSource,
  sparseSha256,
  temporaryFolder,
  tool,
} from '../../packages/backend-image/test/oracle.js';

const MiB = 1 << 20;

/** Random writes, discards and flushes, done to the device and to a twin in memory. */
async function churn(device: BlockDevice, twin: Uint8Array, seed: number, steps: number): Promise<void> {
  const random = randomSource(seed);
  if (!isDiscardable(device)) throw new Error('not discardable');
  for (let i = 0; i < steps; i++) {
    const kind = random() % 16;
    const unit = [1, 512, 4096, 65536][random() % 4] as number;
    const offset = Math.floor((random() % twin.length) / unit) * unit;
    const most = random() % 8 === 0 ? 2 * MiB : 160 * 1024;
    const length = Math.min(twin.length - offset, most, unit * (1 + (random() % 24)));
    if (kind === 0) await device.flush();
    else if (kind <= 4) {
      await device.discard(offset, length);
      twin.fill(0, offset, offset + length);
    } else if (kind === 5) {
      expect(Buffer.compare(await device.read(offset, length), twin.subarray(offset, offset + length))).toBe(0);
    } else {
      const data = new Uint8Array(length);
      if (kind > 6) {
        const start = random();
        for (let k = 0; k < length; k++) data[k] = (k * 7 + start + (k >> 9)) & 0xff;
      }
      await device.write(offset, data);
      twin.set(data, offset);
    }
  }
}

describe.runIf(requireTools('qemu-img', 'qemu-io'))('writing qcow2, judged by qemu-img', () => {
  const folder = temporaryFolder();
  const path = (name: string): string => join(folder, name);

  async function judge(image: string, twin: Uint8Array): Promise<void> {
    await tool('qemu-img', 'check', '-f', 'qcow2', image);
    writeFileSync(path('twin.raw'), twin);
    await tool('qemu-img', 'compare', '-f', 'qcow2', '-F', 'raw', image, path('twin.raw'));
  }

  const variants: [string, string][] = [
    ['defaults', 'compat=1.1'],
    ['compat 0.10', 'compat=0.10'],
    ['512-byte clusters', 'cluster_size=512'],
    ['512-byte clusters, 64-bit refcounts', 'cluster_size=512,refcount_bits=64'],
    ['4 KiB clusters, 1-bit refcounts', 'cluster_size=4k,refcount_bits=1'],
    ['2-bit refcounts', 'cluster_size=8k,refcount_bits=2'],
    ['4-bit refcounts', 'cluster_size=16k,refcount_bits=4'],
    ['8-bit refcounts', 'cluster_size=1k,refcount_bits=8'],
    ['32-bit refcounts', 'cluster_size=2k,refcount_bits=32'],
    ['2 MiB clusters', 'cluster_size=2M'],
    ['extended L2', 'extended_l2=on'],
    ['extended L2, 16 KiB clusters', 'extended_l2=on,cluster_size=16k'],
    ['lazy refcounts', 'lazy_refcounts=on'],
    ['preallocated metadata', 'preallocation=metadata'],
  ];
  for (const [name, options] of variants) {
    for (const maker of ['qemu-img', 'vmcraft']) {
      it(`random writes: ${name}, made by ${maker}`, async () => {
        const image = path('image.qcow2');
        const size = 9 * MiB + 512;
        if (maker === 'qemu-img') await tool('qemu-img', 'create', '-f', 'qcow2', '-o', options, image, String(size));
        else {
          const parsed = Object.fromEntries(options.split(',').map((o) => o.split('=')));
          await imageBackend.create!({ path: image, format: 'qcow2', size, options: parsed }, context());
          await tool('qemu-img', 'check', '-f', 'qcow2', image);
        }
        const twin = new Uint8Array(size);
        for (const round of [1, 2]) {
          const session = await openDrive(image, { readonly: false });
          await churn(session.device, twin, round * 77 + options.length, 120);
          await session.close();
          await judge(image, twin);
        }
      });
    }
  }

  it.each(['compat=1.1', 'compat=0.10', 'extended_l2=on'])(
    'copies on write from a shorter backing chain: %s',
    async (options) => {
      const base = patchwork(5 * MiB + 1024, 5);
      writeFileSync(path('base.raw'), base);
      await tool('qemu-img', 'create', '-f', 'qcow2', '-b', 'base.raw', '-F', 'raw', path('mid.qcow2'));
      const image = path('overlay.qcow2');
      await tool('qemu-img', 'create', '-f', 'qcow2', '-o', options, '-b', 'mid.qcow2', '-F', 'qcow2', image, '8M');
      const twin = new Uint8Array(8 * MiB);
      twin.set(base);
      const session = await openDrive(image, { readonly: false });
      await churn(session.device, twin, 3, 200);
      await session.close();
      await judge(image, twin);
    },
  );

  it.each(['', 'extended_l2=on', 'refcount_bits=32,cluster_size=4k'])('leaves snapshots alone: %s', async (options) => {
    const source = patchwork(6 * MiB, 6);
    writeFileSync(path('source.raw'), source);
    const image = path('snap.qcow2');
    const extra = options === '' ? [] : ['-o', options];
    await tool('qemu-img', 'convert', '-c', '-f', 'raw', '-O', 'qcow2', ...extra, path('source.raw'), image);
    const twin = source.slice();
    const states: Uint8Array[] = [];
    for (const name of ['one', 'two', 'three']) {
      await tool('qemu-img', 'snapshot', '-c', name, image);
      states.push(twin.slice());
      const session = await openDrive(image, { readonly: false });
      await churn(session.device, twin, name.length * 31, 80);
      await session.close();
      await judge(image, twin);
    }
    for (const [i, name] of ['one', 'two', 'three'].entries()) {
      await tool('qemu-img', 'convert', '-l', name, '-O', 'raw', image, path('state.raw'));
      writeFileSync(path('twin.raw'), states[i]!);
      await tool('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', path('state.raw'), path('twin.raw'));
    }
    await tool('qemu-img', 'snapshot', '-d', 'two', image);
    await judge(image, twin);
  });

  it.each(['compression_type=zlib', 'compression_type=zstd', 'cluster_size=4k'])(
    'rewrites compressed clusters: %s',
    async (o) => {
      const twin = patchwork(7 * MiB, 8);
      writeFileSync(path('source.raw'), twin);
      const image = path('packed.qcow2');
      await tool('qemu-img', 'convert', '-c', '-f', 'raw', '-O', 'qcow2', '-o', o, path('source.raw'), image);
      const session = await openDrive(image, { readonly: false });
      await churn(session.device, twin, 11, 150);
      await session.close();
      await judge(image, twin);
    },
  );

  it.each(['data_file_raw=off', 'data_file_raw=on'])('keeps guest clusters in a data file: %s', async (option) => {
    const image = path('external.qcow2');
    const data = path('external.raw');
    await tool('qemu-img', 'create', '-f', 'qcow2', '-o', `data_file=${data},${option}`, image, '6M');
    const twin = new Uint8Array(6 * MiB);
    const session = await openDrive(image, { readonly: false });
    await churn(session.device, twin, 21, 150);
    await session.close();
    await judge(image, twin);
    if (option.endsWith('on')) await tool('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', data, path('twin.raw'));
  });

  it('grows a refcount table, and reuses what it freed', async () => {
    const image = path('grow.qcow2');
    await imageBackend.create!(
      { path: image, format: 'qcow2', size: 64 * MiB, options: { cluster_size: '512', refcount_bits: '64' } },
      context(),
    );
    const twin = patchwork(64 * MiB, 12);
    for (let i = 0; i < twin.length; i += 4096) twin[i] = 1;
    const session = await openDrive(image, { readonly: false });
    for (let at = 0; at < twin.length; at += MiB) await session.device.write(at, twin.subarray(at, at + MiB));
    await churn(session.device, twin, 13, 40);
    await session.close();
    await judge(image, twin);
  });

  it('repairs the refcounts of an image that was left dirty', async () => {
    const image = path('dirty.qcow2');
    await tool('qemu-img', 'create', '-f', 'qcow2', '-o', 'lazy_refcounts=on', image, '16M');
    // abort() leaves the dirty bit set and counts unwritten.
    await tool('qemu-io', '-c', 'write -P 5 1M 3M', '-c', 'write -P 6 9M 64k', '-c', 'abort', image).catch(
      () => undefined,
    );
    const twin = new Uint8Array(16 * MiB);
    twin.fill(5, MiB, 4 * MiB);
    twin.fill(6, 9 * MiB, 9 * MiB + 65536);
    const before = await openDrive(image);
    expect(before.info.details.dirty).toBe(true);
    await before.close();
    const session = await openDrive(image, { readonly: false });
    await churn(session.device, twin, 14, 60);
    await session.close();
    await judge(image, twin);
  });

  it('marks bitmaps as in use and loses none of their clusters', async () => {
    const image = path('bitmaps.qcow2');
    await tool('qemu-img', 'create', '-f', 'qcow2', image, '8M');
    await tool('qemu-img', 'bitmap', '--add', image, 'b0');
    const twin = new Uint8Array(8 * MiB);
    const session = await openDrive(image, { readonly: false });
    await churn(session.device, twin, 15, 40);
    await session.close();
    await judge(image, twin);
    const info = JSON.parse(await tool('qemu-img', 'info', '--output=json', image));
    expect(info['format-specific'].data.bitmaps[0].flags).toContain('in-use');
  });

  it('changes the size of the disk', async () => {
    const base = patchwork(6 * MiB, 16);
    writeFileSync(path('base.raw'), base);
    const image = path('resize.qcow2');
    await tool(
      'qemu-img',
      'create',
      '-f',
      'qcow2',
      '-o',
      'cluster_size=512',
      '-b',
      'base.raw',
      '-F',
      'raw',
      image,
      String(2 * MiB + 512),
    );
    let twin = base.slice(0, 2 * MiB + 512);
    const session = await openDrive(image, { readonly: false });
    const device = session.device as BlockDevice & { resize(size: number): Promise<void> };
    for (const size of [5 * MiB, 40 * MiB + 512, 3 * MiB, 7 * MiB]) {
      await device.resize(size);
      const next = new Uint8Array(size);
      next.set(twin.subarray(0, size));
      twin = next;
      await churn(device, twin, size, 20);
    }
    await session.close();
    await judge(image, twin);
  });

  it('changes nothing before the first write', async () => {
    const image = path('untouched.qcow2');
    await tool('qemu-img', 'create', '-f', 'qcow2', image, '1M');
    copyFileSync(image, path('copy.qcow2'));
    const session = await openDrive(image, { readonly: false });
    expect(await sparseSha256(session.device)).toHaveLength(64);
    await session.close();
    await tool('cmp', image, path('copy.qcow2'));
  });
});
