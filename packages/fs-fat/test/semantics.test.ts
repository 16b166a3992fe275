import { MemoryDevice } from '@vmcraft/core/block';
import type { FsNode } from '@vmcraft/core/contracts';
import { isVmcraftError } from '@vmcraft/core/errors';
import { describe, expect, it } from 'vitest';
import { codePage } from '../src/code-page.js';
import { decodeStamp, encodeStamp } from '../src/dos-time.js';
import { fatDriver, plugin } from '../src/index.js';
import { makeShortName, shortNameText } from '../src/short-name.js';
import {
  compressUpcase,
  expandUpcase,
  RECOMMENDED_CHECKSUM,
  recommendedUpcase,
  upcaseChecksum,
} from '../src/upcase.js';
import {
  at,
  contents,
  DIR,
  FILE,
  formatted,
  list,
  names,
  openWritable,
  pattern,
  type WritableFileSystem,
} from './support.js';

const MIB = 1024 * 1024;
const TYPES = [
  ['fat12', 2 * MIB],
  ['fat16', 12 * MIB],
  ['fat32', 40 * MIB],
  ['exfat', 8 * MIB],
] as const;

const page = codePage(437)!;

async function fresh(type: string, size: number): Promise<{ device: MemoryDevice; fs: WritableFileSystem }> {
  const device = await formatted(type, size, { label: 'TEST' });
  return { device, fs: await openWritable(device) };
}

async function clean(device: MemoryDevice): Promise<void> {
  expect(await fatDriver.check!(device)).toEqual({ clean: true, findings: [] });
}

describe('short names', () => {
  const taken = (...list: string[]) => ({ has: (name: string) => list.includes(name) });
  const make = (name: string, ...there: string[]): [string, boolean] => {
    const made = makeShortName(name, page, taken(...there));
    return [shortNameText(made.raw, page), made.needsLong];
  };

  it.each([
    ['README.TXT', 'README.TXT', false],
    ['readme.txt', 'README.TXT', true],
    ['A long name.text', 'ALONGN~1.TEX', true],
    ['.bashrc', 'BASHRC~1', true],
    ['a.b.c.tar.gz', 'ABCTAR~1.GZ', true],
    ['n+a,m=e', 'N_A_M_~1', true],
    ['日本', '__~1', true],
    ['éa', 'É', true],
  ])('%s is kept as %s', (name, short, long) => {
    const [text, needsLong] = make(name);
    expect(needsLong).toBe(long);
    expect(text.startsWith(short)).toBe(true);
  });

  it('counts up, then takes part of a hash', () => {
    const plain = Array.from({ length: 9 }, (_, i) => `LONGFI~${i + 1}.TXT`);
    expect(make('long file name.txt', ...plain.slice(0, 3))[0]).toBe('LONGFI~4.TXT');
    expect(make('long file name.txt', ...plain)[0]).toMatch(/^LO[0-9A-F]{4}~1\.TXT$/);
  });
});

describe('up-case table', () => {
  it('is the recommended one of the specification, and survives the round trip', () => {
    const compressed = compressUpcase(recommendedUpcase());
    expect(compressed.length).toBe(5836);
    expect(upcaseChecksum(compressed)).toBe(RECOMMENDED_CHECKSUM);
    expect(expandUpcase(compressed)).toEqual(recommendedUpcase());
  });

  it('refuses a table that maps too much', () => {
    expect(() => expandUpcase(new Uint8Array(131_074))).toThrow(/up-case/);
    expect(() => expandUpcase(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 0, 2, 0))).toThrow(/65536/);
  });
});

describe('stamps', () => {
  it('keep two seconds and hundredths, and clamp to 1980..2107', () => {
    const when = { sec: 1_700_000_001, nsec: 120_000_000 };
    const { stamp, hundredths } = encodeStamp(when, 0);
    expect(decodeStamp(stamp, hundredths, 0)).toEqual({ sec: 1_700_000_001, nsec: 120_000_000 });
    expect(decodeStamp(stamp, 0, 60).sec).toBe(1_700_000_000 - 3600);
    expect(decodeStamp(encodeStamp({ sec: 0, nsec: 0 }, 0).stamp, 0, 0).sec).toBe(Date.UTC(1980, 0, 1) / 1000);
    expect(decodeStamp(encodeStamp({ sec: 9e9, nsec: 0 }, 0).stamp, 0, 0).sec).toBe(
      Date.UTC(2107, 11, 31, 23, 59, 58) / 1000,
    );
    expect(decodeStamp(0, 0, 0).sec).toBe(Date.UTC(1980, 0, 1) / 1000);
  });
});

describe.each(TYPES)('%s', (type, size) => {
  it('finds names without regard to case and keeps how they are spelt', async () => {
    const { device, fs } = await fresh(type, size);
    const node = await fs.create(fs.root, 'Größe und Länge.Txt', { mode: FILE });
    expect(await fs.lookup(fs.root, 'GRÖßE UND LÄNGE.TXT')).toBe(node);
    await expect(fs.create(fs.root, 'größe und länge.txt', { mode: FILE })).rejects.toMatchObject({ code: 'EEXIST' });
    await fs.rename(fs.root, 'Größe und Länge.Txt', fs.root, 'GRÖSSER.TXT');
    await fs.rename(fs.root, 'grösser.txt', fs.root, 'Grösser.txt');
    expect(await names(fs)).toEqual(['Grösser.txt']);
    expect(await fs.lookup(fs.root, 'grösser.TXT')).toBe(node);
    await fs.close();
    await clean(device);
  });

  it('drops trailing dots and refuses what no FAT name can have', async () => {
    const { fs } = await fresh(type, size);
    await fs.create(fs.root, 'dots...', { mode: FILE });
    expect(await names(fs)).toEqual(['dots']);
    expect(await fs.lookup(fs.root, 'dots.')).toBeDefined();
    for (const bad of ['a:b', 'a*b', 'a?b', 'a\\b', 'a|b', 'a"b', '<a>', 'tab\t', '...', '\udc80']) {
      await expect(fs.create(fs.root, bad, { mode: FILE })).rejects.toMatchObject({ code: 'EINVAL' });
    }
    await fs.close();
  });

  it("keeps a file's number while it is renamed, and gives no two files the same", async () => {
    const { fs } = await fresh(type, size);
    const dir = await fs.create(fs.root, 'dir', { mode: DIR });
    const node = await fs.create(fs.root, 'one', { mode: FILE });
    const { ino } = node;
    await fs.rename(fs.root, 'one', dir, 'two');
    const other = await fs.create(fs.root, 'one', { mode: FILE });
    expect(await fs.lookup(dir, 'two')).toBe(node);
    expect(node.ino).toBe(ino);
    expect(new Set([fs.root.ino, dir.ino, node.ino, other.ino]).size).toBe(4);
    expect(fs.root.ino).toBe(1);
    await fs.close();
  });

  it('takes modes that the read-only attribute can tell, and no owners', async () => {
    const { device, fs } = await fresh(type, size);
    const node = await fs.create(fs.root, 'file', { mode: FILE });
    expect((await fs.stat(node)).mode).toBe(0o100755);
    await fs.setattr(node, { mode: 0o555 });
    expect((await fs.stat(node)).mode).toBe(0o100555);
    await fs.setattr(node, { mode: 0o644 });
    expect((await fs.stat(node)).mode).toBe(0o100555);
    await fs.setattr(node, { mode: 0o755, uid: 0, gid: 0 });
    expect((await fs.stat(node)).mode).toBe(0o100755);
    await expect(fs.setattr(node, { uid: 1000 })).rejects.toMatchObject({ code: 'EPERM' });
    await expect(fs.setattr(node, { mode: 0o4755 })).rejects.toMatchObject({ code: 'EPERM' });
    await fs.close();
    const owned = await fatDriver.open(device, { readonly: true, mountOptions: ['uid=7,gid=8', 'umask=077'] });
    expect(await owned.stat((await owned.lookup(owned.root, 'file'))!)).toMatchObject({
      uid: 7,
      gid: 8,
      mode: 0o100700,
    });
  });

  it('keeps times, in UTC or with an offset', async () => {
    const { device, fs } = await fresh(type, size);
    const node = await fs.create(fs.root, 'file', { mode: FILE });
    const mtime = { sec: 1_600_000_000, nsec: 0 };
    await fs.setattr(node, {
      mtime,
      atime: { sec: 1_500_000_000, nsec: 0 },
      btime: { sec: 1_400_000_001, nsec: 500_000_000 },
    });
    await fs.close();
    const again = await fatDriver.open(device, { readonly: true, mountOptions: ['time_offset=60'] });
    const stat = await again.stat(await at(again, 'file'));
    const shift = type === 'exfat' ? 0 : 3600;
    expect(stat.mtime).toEqual({ sec: mtime.sec - shift, nsec: 0 });
    expect(stat.btime).toEqual({ sec: 1_400_000_001 - shift, nsec: 500_000_000 });
    const day = type === 'exfat' ? 1_500_000_000 : 1_500_000_000 - (1_500_000_000 % 86_400);
    expect(stat.atime.sec).toBe(day - shift);
  });

  it('changes label and serial number', async () => {
    const { device, fs } = await fresh(type, size);
    await fs.setLabel('NEW LABEL');
    await fs.setUuid('cafe-f00d');
    await fs.create(fs.root, 'file', { mode: FILE });
    await fs.close();
    expect(await fatDriver.probe(device)).toMatchObject({ label: 'NEW LABEL', uuid: 'CAFE-F00D' });
    await clean(device);
    const again = await openWritable(device);
    await again.setLabel('');
    await expect(again.setLabel('MUCH TOO LONG A LABEL')).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(again.setLabel('a/b')).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(again.setUuid('xyz')).rejects.toMatchObject({ code: 'EINVAL' });
    await again.close();
    expect((await fatDriver.probe(device))?.label).toBeUndefined();
    await clean(device);
    expect(await names(await fatDriver.open(device, { readonly: true }))).toEqual(['file']);
  });

  it('is marked dirty while changes are held back, and clean after', async () => {
    const { device, fs } = await fresh(type, size);
    const warnings = async (): Promise<string[]> => {
      const found: string[] = [];
      await fatDriver.open(device, { readonly: true, warn: (w) => found.push(w.message) });
      return found;
    };
    await fs.create(fs.root, 'file', { mode: FILE });
    expect(await warnings()).toEqual(['the volume was not cleanly unmounted']);
    await fs.sync();
    expect(await warnings()).toEqual([]);
    await fs.close();
  });

  it('counts free space exactly, and lists it', async () => {
    const { fs } = await fresh(type, size);
    const before = (await fs.statfs()).blocksFree;
    const node = await fs.create(fs.root, 'file', { mode: FILE });
    const { blockSize } = await fs.statfs();
    await fs.write(node, 0, pattern(blockSize * 5));
    expect((await fs.statfs()).blocksFree).toBe(before - 5);
    let bytes = 0;
    for await (const run of fs.freeExtents()) bytes += run.length;
    expect(bytes).toBe((before - 5) * blockSize);
    await fs.unlink(fs.root, 'file');
    expect((await fs.statfs()).blocksFree).toBe(before);
    await fs.close();
  });

  it('runs out of space without losing anything', async () => {
    const { device, fs } = await fresh(type, size);
    const keep = await fs.create(fs.root, 'keep', { mode: FILE });
    await fs.write(keep, 0, pattern(5000));
    const { blocksFree, blockSize } = await fs.statfs();
    const big = await fs.create(fs.root, 'big', { mode: FILE });
    await expect(fs.write(big, 0, new Uint8Array(blocksFree * blockSize + 1))).rejects.toMatchObject({
      code: 'ENOSPC',
    });
    expect((await fs.stat(big)).size).toBe(0);
    await fs.write(big, 0, new Uint8Array(blocksFree * blockSize));
    await expect(fs.create(fs.root, 'dir', { mode: DIR })).rejects.toMatchObject({ code: 'ENOSPC' });
    await fs.truncate(big, 10);
    await fs.write(big, 0, pattern(100_000));
    expect(await contents(fs, keep)).toEqual(pattern(5000));
    await fs.close();
    await clean(device);
  });

  it('does concurrent calls one after another', async () => {
    const { device, fs } = await fresh(type, size);
    const made: FsNode[] = await Promise.all(
      Array.from({ length: 40 }, (_, i) => fs.create(fs.root, `concurrent file ${i}`, { mode: FILE })),
    );
    await Promise.all(made.map((node, i) => fs.write(node, i * 10, pattern(3000, i + 1))));
    expect((await list(fs)).length).toBe(40);
    for (const [i, node] of made.entries()) expect(await fs.read(node, i * 10, 3000)).toEqual(pattern(3000, i + 1));
    await fs.close();
    await clean(device);
  });

  it('loses no more than clusters when it stops after any write', async () => {
    const device = await formatted(type, size);
    const first = await openWritable(device);
    const dir = await first.create(first.root, 'dir', { mode: DIR });
    const old = await first.create(dir, 'an old file with a long name', { mode: FILE });
    await first.write(old, 0, pattern(30_000));
    await first.close();
    const start = (await device.read(0, device.size)).slice();
    let total = 1;
    for (let stop = 0; stop < total; stop++) {
      const victim = MemoryDevice.from(start);
      let writes = 0;
      const write = victim.write.bind(victim);
      victim.write = async (offset, data) => {
        if (writes++ < stop) await write(offset, data);
      };
      const fs = await openWritable(victim);
      const below = await at(fs, 'dir');
      await fs.unlink(below, 'an old file with a long name');
      const node = await fs.create(below, 'a new file', { mode: FILE });
      await fs.write(node, 0, pattern(40_000));
      await fs.sync();
      await fs.truncate(node, 100);
      await fs.close();
      total = writes + 1;
      victim.write = write;
      const { findings } = await fatDriver.check!(victim);
      const serious = findings.filter(
        (f) => f.severity === 'error' && !/belong to nothing|copies|has more clusters/.test(f.message),
      );
      expect(serious, `after ${stop} writes`).toEqual([]);
    }
    expect(total).toBeGreaterThan(5);
  });
});

describe('FAT alone', () => {
  it('has a root directory of fixed size on FAT12 and FAT16', async () => {
    const { device, fs } = await fresh('fat16', 12 * MIB);
    let made = 0;
    const fill = async (): Promise<void> => {
      for (; made < 600; made++) await fs.create(fs.root, `FILE${made}`, { mode: FILE });
    };
    await expect(fill()).rejects.toMatchObject({ code: 'ENOSPC' });
    // 512 slots, one of them the label.
    expect(made).toBe(511);
    await fs.unlink(fs.root, 'FILE7');
    await fs.create(fs.root, 'AGAIN', { mode: FILE });
    await fs.close();
    await clean(device);
  });

  it('shows the lower case that Windows NT notes without a long name', async () => {
    const { device, fs } = await fresh('fat16', 12 * MIB);
    await fs.create(fs.root, 'README.TXT', { mode: FILE });
    await fs.close();
    const raw = await device.read(0, device.size);
    const entry = raw.findIndex(
      (_, i) => i % 32 === 0 && String.fromCharCode(...raw.subarray(i, i + 11)) === 'README  TXT',
    );
    for (const [flags, shown] of [
      [0x08, 'readme.TXT'],
      [0x10, 'README.txt'],
      [0x18, 'readme.txt'],
    ] as const) {
      await device.write(entry + 12, Uint8Array.of(flags));
      expect(await names(await fatDriver.open(device, { readonly: true }))).toEqual([shown]);
    }
    await device.write(entry, Uint8Array.of(0x05));
    expect(await names(await fatDriver.open(device, { readonly: true }))).toEqual(['σeadme.txt']);
    const page850 = await fatDriver.open(device, { readonly: true, mountOptions: ['codepage=850'] });
    expect(await names(page850)).toEqual(['õeadme.txt']);
  });

  it('ignores long names without their short entry', async () => {
    const { device, fs } = await fresh('fat16', 12 * MIB);
    await fs.create(fs.root, 'a name that is long', { mode: FILE });
    await fs.close();
    const raw = await device.read(0, device.size);
    const entry = raw.findIndex(
      (_, i) => i % 32 === 0 && String.fromCharCode(...raw.subarray(i, i + 8)) === 'ANAMET~1',
    );
    await device.write(entry, Uint8Array.of(0x42));
    expect(await names(await fatDriver.open(device, { readonly: true }))).toEqual(['BNAMET~1']);
  });

  it('refuses files of 4 GiB', async () => {
    const { fs } = await fresh('fat32', 40 * MIB);
    const node = await fs.create(fs.root, 'file', { mode: FILE });
    await expect(fs.write(node, 0xffffffff, pattern(1))).rejects.toMatchObject({ code: 'EFBIG' });
    await expect(fs.truncate(node, 2 ** 32)).rejects.toMatchObject({ code: 'EFBIG' });
    await fs.close();
  });
});

describe('exFAT alone', () => {
  it('falls back on the backup boot region, for reading only', async () => {
    const { device, fs } = await fresh('exfat', 8 * MIB);
    await fs.create(fs.root, 'file', { mode: FILE });
    await fs.close();
    await device.write(100, Uint8Array.of(1, 2, 3, 4));
    const warnings: string[] = [];
    const again = await fatDriver.open(device, { readonly: true, warn: (w) => warnings.push(w.message) });
    expect(await names(again)).toEqual(['file']);
    expect(warnings.join()).toMatch(/backup/);
    await expect(fatDriver.open(device, { readonly: false })).rejects.toMatchObject({ code: 'VMC_READ_ONLY' });
    expect((await fatDriver.check!(device)).clean).toBe(false);
  });

  it('turns a contiguous file into a chain when something is in the way, and directories too', async () => {
    const { device, fs } = await fresh('exfat', 8 * MIB);
    const one = await fs.create(fs.root, 'one', { mode: FILE });
    const two = await fs.create(fs.root, 'two', { mode: FILE });
    for (let i = 0; i < 10; i++) {
      await fs.write(one, i * 4096, pattern(4096, i + 1));
      await fs.write(two, i * 4096, pattern(4096, i + 100));
    }
    const dir = await fs.create(fs.root, 'dir', { mode: DIR });
    for (let i = 0; i < 100; i++) {
      const node = await fs.create(dir, `file number ${i}`, { mode: FILE });
      await fs.write(node, 0, pattern(100, i + 1));
    }
    await fs.close();
    await clean(device);
    const again = await fatDriver.open(device, { readonly: true });
    expect(await again.read(await at(again, 'two'), 8 * 4096, 4096)).toEqual(pattern(4096, 108));
    expect((await list(again, await at(again, 'dir'))).length).toBe(100);
  });

  it('writes a volume GUID', async () => {
    const { device, fs } = await fresh('exfat', 8 * MIB);
    await fs.setUuid('12345678-1234-1234-1234-123456789abc');
    await fs.close();
    await clean(device);
    const raw = await device.read(0, device.size);
    const entry = raw.findIndex(
      (byte, i) => i % 32 === 0 && byte === 0xa0 && raw[i + 6] === 0x78 && raw[i + 7] === 0x56,
    );
    expect(entry).toBeGreaterThan(0);
  });
});

describe('the driver', () => {
  it('is what the plugin loads', async () => {
    expect(await plugin.providers[0].load()).toBe(fatDriver);
  });

  it('names the field when a boot sector is wrong', async () => {
    const device = await formatted('fat16', 12 * MIB);
    await device.write(13, Uint8Array.of(3));
    const error = await fatDriver.open(device, { readonly: true }).catch((e: unknown) => e);
    expect(isVmcraftError(error) && error.data.field).toBe('BPB_SecPerClus');
    expect(await fatDriver.probe(device)).toBeUndefined();
  });
});
