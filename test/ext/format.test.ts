import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlockDevice, Discardable, FormatOptions } from '@vmcraft/core/contracts';
import { formatExt } from '@vmcraft/fs-ext';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const UUID = '11111111-2222-3333-4444-555555555555';
const HASH_SEED = '66666666-7777-8888-9999-aaaaaaaaaaaa';
const NOW = 1_000_000_000;
const MIB = 1024 * 1024;

/** A sparse host file that says it was just discarded. */
function sparseFile(path: string, size: number): BlockDevice & Discardable {
  const fd = openSync(path, 'w+');
  ftruncateSync(fd, size);
  return {
    size,
    sectorSize: 512,
    writable: true,
    async read(offset, length) {
      const data = new Uint8Array(length);
      readSync(fd, data, 0, length, offset);
      return data;
    },
    async write(offset, data) {
      if (offset + data.length > size) throw new Error(`write past the end: ${offset} + ${data.length}`);
      writeSync(fd, data, 0, data.length, offset);
    },
    async discard() {},
    async flush() {},
    async close() {
      closeSync(fd);
    },
  };
}

/** dumpe2fs output without what depends on the moment or the machine. */
function dump(image: string): string {
  const text = execFileSync('dumpe2fs', [image], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return text
    .split('\n')
    .filter((line) => !/^(Lifetime writes|Checksum|Last write time|Directory Hash Seed): |^ +mmp_/.test(line))
    .join('\n');
}

interface Case {
  readonly name: string;
  readonly type: string;
  /** MiB. */
  readonly size: number;
  readonly options?: FormatOptions;
  /** The same for mke2fs. */
  readonly args?: readonly string[];
}

const feature = (list: string): { options: FormatOptions; args: string[] } => ({
  options: { features: list.split(',') },
  args: ['-O', list],
});

const CASES: readonly Case[] = [
  ...[1, 2, 4, 100, 300, 640, 10_240].map((size) => ({ name: 'by default', type: 'ext2', size })),
  ...[4, 100, 300, 640].map((size) => ({ name: 'by default', type: 'ext3', size })),
  ...[2, 4, 100, 136, 300, 640, 3072, 10_240].map((size) => ({ name: 'by default', type: 'ext4', size })),
  { name: '1 KiB blocks', type: 'ext4', size: 300, options: { blockSize: 1024 }, args: ['-b', '1024'] },
  {
    name: '2 KiB blocks',
    type: 'ext4',
    size: 300,
    options: { blockSize: 2048, inodeSize: 512 },
    args: ['-b', '2048', '-I', '512'],
  },
  { name: '64 KiB blocks', type: 'ext4', size: 1024, options: { blockSize: 65536 }, args: ['-b', '65536'] },
  { name: '128-byte inodes', type: 'ext4', size: 300, options: { inodeSize: 128 }, args: ['-I', '128'] },
  { name: 'label', type: 'ext4', size: 100, options: { label: 'böot' }, args: ['-L', 'böot'] },
  {
    name: 'counts',
    type: 'ext4',
    size: 640,
    options: {
      extra: {
        numberofinodes: 5000,
        reservedblockspercentage: 1,
        journalsize: 8,
        numberofgroups: 4,
        lastmounteddir: '/srv',
      },
    },
    args: ['-N', '5000', '-m', '1', '-J', 'size=8', '-G', '4', '-M', '/srv'],
  },
  {
    name: 'RAID and ratio',
    type: 'ext4',
    size: 300,
    options: { extra: { stridesize: 16, stripewidth: 64, bytesperinode: 65536, hasjournal: false } },
    args: ['-E', 'stride=16,stripe-width=64', '-i', '65536', '-O', '^has_journal'],
  },
  {
    name: 'usage type',
    type: 'ext4',
    size: 640,
    options: { extra: { usagetype: 'largefile' } },
    args: ['-T', 'largefile'],
  },
  ...[
    'bigalloc',
    'inline_data',
    'metadata_csum_seed',
    '^metadata_csum,uninit_bg',
    '^64bit',
    'meta_bg,^resize_inode',
    'sparse_super2',
    'quota,project',
    'orphan_file',
    '^flex_bg',
    'mmp',
    'fast_commit',
    'casefold,encrypt,verity,stable_inodes',
    '^extent,^64bit,^dir_index',
    'large_dir,ea_inode',
    '^resize_inode,^sparse_super',
  ].map((list) => ({ name: list, type: 'ext4', size: list === 'bigalloc' ? 1024 : 300, ...feature(list) })),
];

describe.runIf(requireTools('mke2fs', 'dumpe2fs', 'e2fsck'))('format, judged by mke2fs, dumpe2fs and e2fsck', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-format-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const make = async (path: string, type: string, bytes: number, options: FormatOptions = {}): Promise<void> => {
    const device = sparseFile(path, bytes);
    await formatExt(device, type, {
      uuid: UUID,
      now: { sec: NOW, nsec: 0 },
      ...options,
      extra: { hashseed: HASH_SEED, ...options.extra },
    });
    await device.close();
  };

  for (const one of CASES) {
    it(`${one.type} of ${one.size} MiB, ${one.name}: the same as mke2fs, and clean`, async () => {
      const [ours, theirs] = [join(folder, 'ours.img'), join(folder, 'theirs.img')];
      await make(ours, one.type, one.size * MIB, one.options);
      const other = sparseFile(theirs, one.size * MIB);
      await other.close();
      execFileSync('mke2fs', ['-q', '-F', '-t', one.type, '-U', UUID, ...(one.args ?? []), theirs], {
        stdio: 'ignore',
        env: { ...process.env, E2FSPROGS_FAKE_TIME: String(NOW), MKE2FS_SYNC: '0' },
      });
      const check = spawnSync('e2fsck', ['-f', '-n', ours], { encoding: 'utf8' });
      expect(check.status, check.stdout).toBe(0);
      expect(dump(ours)).toBe(dump(theirs));
    });
  }

  it('makes devices from 64 KiB up, below what mke2fs manages', async () => {
    for (const size of [64 * 1024, 65 * 1024 + 512, 100_000, 360 * 1024, MIB + 512]) {
      for (const type of ['ext2', 'ext3', 'ext4']) {
        const path = join(folder, 'small.img');
        await make(path, type, size);
        const check = spawnSync('e2fsck', ['-f', '-n', path], { encoding: 'utf8' });
        expect([type, size, check.status, check.status === 0 ? '' : check.stdout]).toEqual([type, size, 0, '']);
      }
    }
  });

  it('makes a 4 TiB file system within seconds and memory for its descriptors only', async () => {
    const path = join(folder, 'huge.img');
    const started = performance.now();
    await make(path, 'ext4', 4 * MIB * MIB);
    expect(performance.now() - started).toBeLessThan(20_000);
    const header = execFileSync('dumpe2fs', ['-h', path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    expect(header).toMatch(/Block count: +1073741824\n/);
    rmSync(path);
  });

  it('zeroes what a device without discard held before', async () => {
    const path = join(folder, 'dirty.img');
    const device = sparseFile(path, 8 * MIB);
    const noise = new Uint8Array(8 * MIB).map((_, i) => (i * 31 + (i >> 8)) & 0xff);
    await device.write(0, noise);
    const plain: BlockDevice = { ...device, sectorSize: 512 };
    delete (plain as Partial<Discardable>).discard;
    for (const type of ['ext2', 'ext4']) {
      await formatExt(plain, type, { extra: { lazyitableinit: type === 'ext4' } });
      const check = spawnSync('e2fsck', ['-f', '-n', path], { encoding: 'utf8' });
      expect(check.status, check.stdout).toBe(0);
    }
    await device.close();
  });

  it('refuses what does not fit', async () => {
    const device = sparseFile(join(folder, 'refuse.img'), 8 * MIB);
    const cases: [FormatOptions, string][] = [
      [{ label: 'longer than sixteen bytes' }, 'VMC_USAGE'],
      [{ blockSize: 3000 }, 'VMC_USAGE'],
      [{ inodeSize: 8192 }, 'VMC_USAGE'],
      [{ features: ['no_such'] }, 'VMC_USAGE'],
      [{ features: ['bigalloc', '^extent'] }, 'VMC_USAGE'],
      [{ features: ['compression'] }, 'VMC_UNSUPPORTED'],
      [{ extra: { journaldev: true } }, 'VMC_UNSUPPORTED'],
      [{ extra: { numberofinodes: 1_000_000 } }, 'VMC_USAGE'],
      [{ extra: { journalsize: 8 } }, 'ENOSPC'],
      [{ uuid: 'nonsense' }, 'VMC_USAGE'],
    ];
    for (const [options, code] of cases) {
      await expect([options, await formatExt(device, 'ext4', options).catch((e: { code: string }) => e.code)]).toEqual([
        options,
        code,
      ]);
    }
    expect((await device.read(1024, 1024)).every((byte) => byte === 0)).toBe(true);
    await device.close();
  });
});
