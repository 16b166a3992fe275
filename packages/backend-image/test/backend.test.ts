import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BlockDevice, hasHostPath, isResizable } from '@vmcraft/core';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { FORMATS } from '../src/formats.js';
import { imageBackend, plugin } from '../src/index.js';
import { SharedLock } from '../src/shared-lock.js';
import { context, openDrive, patchwork, qemuInfo, temporaryFolder, tool } from './oracle.js';

const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);
const probe = (name: string) => imageBackend.probe({ path: path(name), readonly: true }, context());

describe('detection', () => {
  const text = (t: string, size = 4096): Uint8Array => {
    const bytes = new Uint8Array(size);
    bytes.set(new TextEncoder().encode(t));
    return bytes;
  };
  const tar = text('guest.ovf', 10240);
  tar.set(new TextEncoder().encode('ustar'), 257);
  const cases: [string, Uint8Array, string][] = [
    ['nothing', new Uint8Array(0), 'raw'],
    ['one byte', Uint8Array.of(1), 'raw'],
    ['zeros', new Uint8Array(1 << 20), 'raw'],
    ['parallels', text('WithoutFreeSpace'), 'parallels'],
    ['extended parallels', text('WithouFreSpacExt'), 'parallels'],
    ['qed', text('QED\0'), 'qed'],
    ['qcow', text('QFI\xfb').fill(0xfb, 3, 4).fill(1, 7, 8), 'qcow'],
    ['ova', tar, 'ova'],
    ['descriptor', text('# Disk DescriptorFile\nversion=1\n', 200), 'vmdk'],
    ['a shell script', text('# hello\necho 1\n', 200), 'raw'],
  ];
  for (const [name, bytes, format] of cases) {
    it(`calls ${name} ${format}`, async () => {
      writeFileSync(path('probe'), bytes);
      expect(await probe('probe')).toBe(format);
      if (FORMATS[format] === undefined) {
        await expect(openDrive(path('probe'))).rejects.toMatchObject({
          code: 'VMC_UNSUPPORTED',
          message: new RegExp(format),
        });
      }
    });
  }

  it('takes what the caller says instead of looking', async () => {
    await imageBackend.create!({ path: path('x.qcow2'), format: 'qcow2', size: 1 << 20 }, context());
    expect(await probe('x.qcow2')).toBe('qcow2');
    await using session = await openDrive(path('x.qcow2'), { format: 'raw' });
    expect(session.info.format).toBe('raw');
    expect(session.device.size).toBe(readFileSync(path('x.qcow2')).length);
    const probed = await imageBackend.probe({ path: path('x.qcow2'), format: 'vhd', readonly: true }, context());
    expect(probed).toBe('vpc');
  });
});

describe('plugin', () => {
  it('claims exactly the formats and abilities that there are', async () => {
    const [provider] = plugin.providers;
    const claimed = Object.entries(provider.capabilities.supports);
    expect(claimed.map(([name]) => name).sort()).toEqual(Object.keys(FORMATS).sort());
    for (const [name, abilities] of claimed) {
      expect((abilities as readonly string[]).includes('write'), name).toBe(FORMATS[name]?.writable);
    }
    expect(await provider.load()).toBe(imageBackend);
  });
});

describe('raw images', () => {
  it('pads the last sector of an odd size, and grows the file when it is written', async () => {
    writeFileSync(path('odd.raw'), new Uint8Array(1000).fill(7));
    const session = await openDrive(path('odd.raw'), { format: 'raw', readonly: false });
    expect(session.device.size).toBe(1024);
    expect([...(await session.device.read(996, 28))]).toEqual([7, 7, 7, 7, ...new Array(24).fill(0)]);
    await session.device.write(1020, Uint8Array.of(1, 2, 3, 4));
    await session.close();
    expect(readFileSync(path('odd.raw')).length).toBe(1024);
  });

  it('lies in a host file, and changes its size', async () => {
    await imageBackend.create!({ path: path('new.raw'), format: 'raw', size: 3 << 20 }, context());
    const session = await openDrive(path('new.raw'), { readonly: false });
    const device: BlockDevice = session.device;
    expect(hasHostPath(device) && [device.hostPath, device.hostOffset]).toEqual([path('new.raw'), 0]);
    if (!isResizable(device)) throw new Error('not resizable');
    await device.resize(5 << 20);
    expect(device.size).toBe(5 << 20);
    await session.close();
    await session.close();
    expect(readFileSync(path('new.raw')).length).toBe(5 << 20);
  });

  it('is shown in sectors of 4096 bytes when asked', async () => {
    await using session = await openDrive(path('new.raw'), { blockSize: 4096 });
    expect(session.device.sectorSize).toBe(4096);
    writeFileSync(path('small.raw'), new Uint8Array(512));
    await expect(openDrive(path('small.raw'), { blockSize: 4096 })).rejects.toMatchObject({ code: 'VMC_USAGE' });
  });
});

describe('creating', () => {
  it.each([
    ['qcow2', { cluster_size: '3k' }],
    ['qcow2', { cluster_size: '4M' }],
    ['qcow2', { compat: '0.10', extended_l2: 'on' }],
    ['qcow2', { compat: '0.10', refcount_bits: '8' }],
    ['qcow2', { extended_l2: 'on', cluster_size: '4k' }],
    ['qcow2', { refcount_bits: '3' }],
    ['qcow2', { preallocation: 'full' }],
    ['qcow2', { colour: 'red' }],
    ['qcow2', { constructor: 'x' }],
    ['raw', { cluster_size: '4k' }],
  ])('refuses %s with %o', async (format, options) => {
    const made = imageBackend.create!({ path: path('bad'), format, size: 1 << 20, options }, context());
    await expect(made).rejects.toMatchObject({ code: 'VMC_USAGE' });
  });

  it('leaves other formats to other backends', async () => {
    const made = imageBackend.create!({ path: path('x.vmdk'), format: 'vmdk', size: 1 << 20 }, context());
    await expect(made).rejects.toMatchObject({ code: 'VMC_NO_CAPABILITY', message: /backend-nbd/ });
  });

  it.runIf(requireTools('qemu-img'))('writes headers that qemu reads as meant', async () => {
    writeFileSync(path('base.raw'), patchwork(1 << 20, 1));
    const spec = {
      path: path('child.qcow2'),
      format: 'qcow2',
      size: 3 << 20,
      backingFile: 'base.raw',
      backingFormat: 'raw',
    };
    const options = {
      extended_l2: 'on',
      compression_type: 'zstd',
      lazy_refcounts: 'on',
      refcount_bits: '32',
      cluster_size: '32k',
    };
    await imageBackend.create!({ ...spec, options }, context());
    await tool('qemu-img', 'check', path('child.qcow2'));
    const info = await qemuInfo(path('child.qcow2'));
    expect(info).toMatchObject({
      'virtual-size': 3 << 20,
      'backing-filename': 'base.raw',
      'backing-filename-format': 'raw',
      'cluster-size': 32768,
    });
    const data = {
      compat: '1.1',
      'extended-l2': true,
      'compression-type': 'zstd',
      'lazy-refcounts': true,
      'refcount-bits': 32,
    };
    expect((info['format-specific'] as { data: object }).data).toMatchObject(data);
    await tool('qemu-img', 'compare', path('child.qcow2'), path('base.raw'));
  });
});

describe.runIf(requireTools('qemu-img'))('chains', () => {
  it('are bounded in depth', async () => {
    await tool('qemu-img', 'create', '-f', 'qcow2', path('link0'), '1M');
    for (let i = 1; i < 55; i++) {
      const spec = {
        path: path(`link${i}`),
        format: 'qcow2',
        size: 1 << 20,
        backingFile: `link${i - 1}`,
        backingFormat: 'qcow2',
      };
      writeFileSync(path(`link${i}`), '');
      if (i < 50) await imageBackend.create!(spec, context());
      else
        await tool(
          'qemu-img',
          'create',
          '-u',
          '-f',
          'qcow2',
          '-b',
          `link${i - 1}`,
          '-F',
          'qcow2',
          path(`link${i}`),
          '1M',
        );
    }
    await (await openDrive(path('link49'))).close();
    await expect(openDrive(path('link54'))).rejects.toMatchObject({ code: 'VMC_LIMIT' });
  });

  it('do not follow references that are no files', async () => {
    for (const backing of ['nbd://localhost/x', 'json:{"driver":"raw"}']) {
      await tool('qemu-img', 'create', '-u', '-f', 'qcow2', '-b', backing, '-F', 'raw', path('foreign.qcow2'), '1M');
      await expect(openDrive(path('foreign.qcow2'))).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED' });
    }
  });
});

describe('shared lock', () => {
  it('runs readers together and writers alone, in order', async () => {
    const lock = new SharedLock();
    const log: string[] = [];
    const work = (name: string, ms: number) => async (): Promise<void> => {
      log.push(`+${name}`);
      await new Promise((resolve) => setTimeout(resolve, ms));
      log.push(`-${name}`);
    };
    await Promise.allSettled([
      lock.shared(work('r1', 20)),
      lock.shared(work('r2', 10)),
      lock.exclusive(work('w1', 10)),
      lock.exclusive(async () => {
        throw new Error('fails');
      }),
      lock.shared(work('r3', 1)),
      lock.exclusive(work('w2', 1)),
    ]);
    expect(log).toEqual(['+r1', '+r2', '-r2', '-r1', '+w1', '-w1', '+r3', '-r3', '+w2', '-w2']);
  });
});
