import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { requireTools } from '../../../testkit/src/tools.js';
import { readPartitionTable } from '../../src/partition/index.js';
import { DATA, type DiskFile, run, Scratch } from './disk-file.js';
import { expectAsSfdisk, type SfdiskPartition } from './sfdisk.js';

const scratch = new Scratch();
afterAll(() => scratch.remove());
const MIB = 2 ** 20;

describe('tables made by other tools read as sfdisk reads them', () => {
  it.runIf(requireTools('sfdisk'))('MBR by sfdisk: primary, extended and logical', async () => {
    const disk = scratch.disk(256 * MIB);
    const script = 'label: dos\nlabel-id: 0x8f8378c0\n,32M,c,*\n,64M,L\n,16M,S\n,,E\n,20M,L\n,30M,7\n,,8e\n';
    run('sfdisk', ['-q', disk.path], script);
    const table = await expectAsSfdisk(disk);
    expect(table.partitions.map((p) => p.kind)).toEqual([
      'primary',
      'primary',
      'primary',
      'extended',
      'logical',
      'logical',
      'logical',
    ]);
    expect(table.partitions[5]).toMatchObject({ uuid: '8f8378c0-06', type: '07' });
    expect(table.defects).toEqual([]);
  });

  it.runIf(requireTools('parted', 'sfdisk'))('MBR by parted: logical partitions out of disk order', async () => {
    const disk = scratch.disk(64 * MIB);
    const make = ['mkpart', 'extended', '4096s', '-1s', 'mkpart', 'logical', '12000s', '14000s'];
    run('parted', ['-s', '--', disk.path, 'mklabel', 'msdos', ...make, 'mkpart', 'logical', '4098s', '8000s']);
    await expectAsSfdisk(disk);
  });

  it.runIf(requireTools('sgdisk', 'sfdisk'))('GPT by sgdisk: names, attributes, gaps in the numbers', async () => {
    const disk = scratch.disk(256 * MIB);
    run('sgdisk', ['-n', '1:0:+1M', '-t', '1:ef02', '-n', '5:0:+64M', '-t', '5:ef00', '-c', '5:EFI Ⅻ', disk.path]);
    run('sgdisk', ['-n', '128:0:0', '-t', '128:8300', '-A', '128:set:2', '-A', '128:set:63', disk.path]);
    const table = await expectAsSfdisk(disk);
    expect(table.partitions.map((p) => [p.number, p.bootable])).toEqual([
      [1, false],
      [5, true],
      [128, false],
    ]);
    expect(table.partitions[2]!.attributes).toBe(0x8000000000000004n);
  });

  it.runIf(requireTools('sgdisk', 'sfdisk'))('a hybrid MBR is a GPT', async () => {
    const disk = scratch.disk(64 * MIB);
    run('sgdisk', ['-n', '1:0:+10M', '-n', '2:0:0', '-h', '1:2', disk.path]);
    const table = await readPartitionTable(disk);
    expect(table).toMatchObject({ type: 'gpt', defects: [] });
    expect(table!.partitions).toHaveLength(2);
  });

  it.runIf(requireTools('parted'))('Sun, Apple, BSD, Amiga, SGI and PC-98 labels by parted', async () => {
    const mac = scratch.disk(64 * MIB);
    run('parted', ['-s', mac.path, 'mklabel', 'mac', 'mkpart', 'one', '20480s', '38911s']);
    expect(await readPartitionTable(mac)).toMatchObject({ type: 'mac' });
    const listed = (await readPartitionTable(mac))!.partitions;
    expect(listed[0]).toMatchObject({ number: 1, start: 512, size: 63 * 512, name: 'Apple' });
    expect(listed.find((p) => p.start === 20480 * 512)).toMatchObject({ size: 18432 * 512 });
    for (const type of ['sun', 'bsd', 'amiga', 'dvh', 'pc98']) {
      const disk = scratch.disk(64 * MIB);
      run('parted', ['-s', disk.path, 'mklabel', type]);
      expect([type, (await readPartitionTable(disk))?.type]).toEqual([type, type]);
    }
  });
});

describe('sector sizes', () => {
  const table4096 = async (): Promise<string> => {
    const disk = scratch.disk(64 * MIB, 4096);
    const { initPartitionTable } = await import('../../src/partition/index.js');
    const editor = await initPartitionTable(disk, 'gpt');
    editor.add({ start: 256, end: 1000 });
    await editor.write();
    return disk.path;
  };

  it('a GPT of 4096-byte sectors is found on a disk of 512 and the other way round', async () => {
    const path = await table4096();
    const right = await readPartitionTable(scratch.open(path, 4096));
    expect(right).toMatchObject({ sectorSize: 4096, defects: [], usable: { first: 6 } });
    const wrong = await readPartitionTable(scratch.open(path, 512));
    expect(wrong).toMatchObject({ sectorSize: 4096, partitions: right!.partitions });
    expect(wrong!.defects).toEqual(['the GPT was made for sectors of 4096 bytes, the disk has 512']);
    expect(wrong!.partitions[0]).toMatchObject({ start: 256 * 4096, size: 745 * 4096 });
  });
});

describe('damage', () => {
  const gpt = (): DiskFile => {
    const disk = scratch.disk(64 * MIB);
    run('sgdisk', ['-n', '1:0:+10M', '-n', '2:0:0', disk.path]);
    return disk;
  };
  const last = 64 * MIB - 512;

  it.runIf(requireTools('sgdisk')).each([
    ['header', 512 + 60],
    ['entries', 1024 + 40],
    ['signature', 512],
  ])('a bad primary %s: the backup is used, with a warning', async (_, at) => {
    const disk = gpt();
    const before = await readPartitionTable(disk);
    await disk.write(at, Uint8Array.of(0xa5));
    const warnings: string[] = [];
    const table = await readPartitionTable(disk, { warn: (w) => warnings.push(w.message) });
    expect(table!.partitions).toEqual(before!.partitions);
    expect(warnings).toEqual([expect.stringMatching(/^the primary GPT is .*: the backup is used$/)]);
  });

  it.runIf(requireTools('sgdisk'))('a bad backup is a warning', async () => {
    const disk = gpt();
    await disk.write(last + 60, Uint8Array.of(0xa5));
    expect((await readPartitionTable(disk))!.defects).toEqual([expect.stringMatching(/^the backup GPT is bad/)]);
  });

  it.runIf(requireTools('sgdisk'))('both bad: an error that names the field', async () => {
    const disk = gpt();
    await disk.write(512 + 60, Uint8Array.of(0xa5));
    await disk.write(last + 60, Uint8Array.of(0xa5));
    await expect(readPartitionTable(disk)).rejects.toMatchObject({
      code: 'VMC_CORRUPT',
      data: { field: 'headerCrc32' },
    });
  });

  it('a disk without a table is no error', async () => {
    expect(await readPartitionTable(scratch.disk(MIB))).toBeUndefined();
    expect(await readPartitionTable(scratch.disk(100))).toBeUndefined();
    expect(await readPartitionTable(scratch.disk(0))).toBeUndefined();
  });

  it.runIf(requireTools('sfdisk'))(
    'a chain of EBRs that loops ends with a warning and keeps what came before',
    async () => {
      const disk = scratch.disk(64 * MIB);
      run('sfdisk', ['-q', disk.path], 'label: dos\n2048,,E\n4096,2048,L\n8192,2048,L\n');
      const link = new DataView((await disk.read(2048 * 512 + 446 + 16, 16)).buffer);
      const ebr2 = 2048 + link.getUint32(8, true);
      // The second EBR's link points at the first: offset 0 from the extended partition.
      await disk.write(ebr2 * 512 + 446 + 16, Uint8Array.of(0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0));
      const table = await readPartitionTable(disk);
      expect(table!.partitions.map((p) => p.number)).toEqual([1, 5, 6]);
      expect(table!.defects[0]).toMatch(/loops at sector 2048/);
    },
  );
});

describe.runIf(requireTools(`data:${join(DATA, 'manifest.json')}`))('tables of real disks', () => {
  interface Entry {
    readonly name: string;
    readonly oracle?: { readonly sfdisk?: { partitions?: readonly SfdiskPartition[] } };
  }
  const path = join(DATA, 'manifest.json');
  const entries = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Entry[]) : [];

  it('part/gpt.img', async () => {
    const table = await readPartitionTable(await scratch.unpack('part/gpt.img.gz'));
    const oracle = entries.find((e) => e.name === 'part/gpt.img')!.oracle!.sfdisk!.partitions!;
    expect(table).toMatchObject({ type: 'gpt', id: 'dd27f98d-7519-4c9e-8041-f2bfa7b1ef61' });
    expect(table!.partitions.map((p) => [p.start / 512, p.size / 512, p.name, p.uuid])).toEqual(
      oracle.map((p) => [p.start, p.size, p.name, p.uuid!.toLowerCase()]),
    );
  });

  it('part/dos+bsd.img: BSD partitions within an MBR partition', async () => {
    const table = await readPartitionTable(await scratch.unpack('part/dos+bsd.img.gz'));
    expect(table).toMatchObject({ type: 'msdos', id: '8f8378c0' });
    expect(table!.partitions.map((p) => [p.number, p.kind, p.start / 512, p.size / 512, p.type])).toEqual([
      [1, 'primary', 32, 7648, '83'],
      [2, 'primary', 7680, 8704, 'a5'],
      [5, 'nested', 7936, 4864, '07'],
      [6, 'nested', 12544, 3584, '07'],
    ]);
  });

  it('part/sun.img', async () => {
    const table = await readPartitionTable(await scratch.unpack('part/sun.img.gz'));
    const oracle = entries.find((e) => e.name === 'part/sun.img')!.oracle!.sfdisk!.partitions!;
    expect(table!.type).toBe('sun');
    expect(table!.partitions.map((p) => [p.start / 512, p.size / 512, p.type.replace(/^0/, '')])).toEqual(
      oracle.map((p) => [p.start, p.size, p.type]),
    );
  });

  it('part/dissect-gpt.bin: only the head of a disk, so the backup is missing', async () => {
    const table = await readPartitionTable(await scratch.unpack('part/dissect-gpt.bin'));
    expect(table!.type).toBe('gpt');
    expect(table!.partitions.length).toBeGreaterThan(0);
    expect(table!.defects[0]).toMatch(/made for a larger disk/);
  });
});
