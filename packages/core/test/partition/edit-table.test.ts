import { afterAll, describe, expect, it } from 'vitest';
import { requireTools } from '../../../testkit/src/tools.js';
import {
  editPartitionTable,
  GUID_TYPE,
  guidOfMbrType,
  initPartitionTable,
  openTableEditor,
  partitionTableType,
  partitionWholeDisk,
  readPartitionTable,
  requireGpt,
  requireMbr,
} from '../../src/partition/index.js';
import { type DiskFile, run, Scratch } from './disk-file.js';
import { expectAsSfdisk } from './sfdisk.js';

const scratch = new Scratch();
afterAll(() => scratch.remove());
const MIB = 2 ** 20;
const ORACLES = ['sgdisk', 'sfdisk', 'parted', 'partx'];

/** What all the tools say of a table of ours: no complaint, and the same partitions. */
async function expectAccepted(disk: DiskFile): Promise<void> {
  const table = await expectAsSfdisk(disk);
  expect(run('sfdisk', ['--verify', disk.path])).toMatch(/No errors detected/);
  if (table.type === 'gpt') expect(run('sgdisk', ['-v', disk.path])).toMatch(/No problems found/);
  const parted = run('parted', ['-s', '-m', disk.path, 'unit', 's', 'print']).split('\n');
  expect(parted[1]!.split(':')[5]).toBe(table.type);
  const listed = parted.slice(2).filter((l) => l !== '');
  expect(listed.map((l) => l.split(':').slice(0, 3).join(':'))).toEqual(
    table.partitions.map((p) => `${p.number}:${p.start / 512}s:${(p.start + p.size) / 512 - 1}s`).sort(byStart),
  );
  const partx = run('partx', ['-g', '-r', '-o', 'NR,START', disk.path]).trim().split('\n');
  expect(partx.filter((l) => l !== '')).toEqual(table.partitions.map((p) => `${p.number} ${p.start / 512}`));
}

const byStart = (a: string, b: string): number =>
  Number.parseInt(a.split(':')[1]!, 10) - Number.parseInt(b.split(':')[1]!, 10);

describe.runIf(requireTools(...ORACLES))('GPT made here', () => {
  it('is accepted by sgdisk, sfdisk, parted and partx after every kind of change', async () => {
    const disk = scratch.disk(256 * MIB);
    await initPartitionTable(disk, 'efi');
    await expectAccepted(disk);
    const changes: readonly ((table: ReturnType<typeof requireGpt>) => unknown)[] = [
      (t) => t.add({ start: 2048, end: 206847, name: 'EFI', typeGuid: GUID_TYPE.efiSystem }),
      (t) => t.add({ start: 206848, end: 300000 }),
      (t) => t.add({ start: 300001, end: -34 }),
      (t) => t.delete(2),
      (t) => expect(t.add({ start: 206848, end: 206848 })).toBe(2),
      (t) => t.resize(2, 250000),
      (t) => t.resize(3, -1000),
      (t) => t.setName(3, 'Datenträger 😀'),
      (t) => t.setTypeGuid(3, GUID_TYPE.linuxLvm.toUpperCase()),
      (t) => t.setGuid(3, '01234567-89AB-CDEF-0123-456789ABCDEF'),
      (t) => t.setAttributes(3, -0x8000000000000000n | 4n),
      (t) => t.setBootable(2, true),
      (t) => {
        t.diskGuid = 'FEDCBA98-7654-3210-FEDC-BA9876543210';
      },
    ];
    for (const change of changes) {
      await editPartitionTable(disk, (table) => change(requireGpt(table)));
      await expectAccepted(disk);
    }
    const table = await readPartitionTable(disk);
    expect(table).toMatchObject({ id: 'fedcba98-7654-3210-fedc-ba9876543210', defects: [] });
    expect(table!.partitions[2]).toMatchObject({ name: 'Datenträger 😀', attributes: 0x8000000000000004n });
    expect(run('sgdisk', ['-i', '3', disk.path])).toMatch(/GUID: 01234567-89AB-CDEF-0123-456789ABCDEF/);
  });

  it('the boot flag is the type EFI System, as parted has it', async () => {
    const disk = scratch.disk(64 * MIB);
    const editor = requireGpt(await initPartitionTable(disk, 'gpt'));
    editor.add({ start: 2048, end: 4095 });
    editor.setBootable(1, true);
    await editor.write();
    expect(run('parted', ['-s', '-m', disk.path, 'print'])).toMatch(/:primary:boot, esp;/);
    await editPartitionTable(disk, (t) => t.setBootable(1, false));
    expect((await readPartitionTable(disk))!.partitions[0]!.type).toBe(GUID_TYPE.linuxData);
  });

  it('expands to a grown disk as sgdisk -e does', async () => {
    const disk = scratch.disk(64 * MIB);
    await partitionWholeDisk(disk, 'gpt');
    run('truncate', ['-s', '128M', disk.path]);
    const grown = scratch.open(disk.path);
    expect((await readPartitionTable(grown))!.defects).toEqual([]);
    await editPartitionTable(grown, (t) => requireGpt(t).expand());
    await editPartitionTable(grown, (t) => t.resize(1, -34));
    await expectAccepted(grown);
    expect((await readPartitionTable(grown))!.usable).toEqual({ first: 34, last: 262144 - 34 });
  });

  it('a bad copy is repaired by an edit', async () => {
    const disk = scratch.disk(64 * MIB);
    await partitionWholeDisk(disk, 'gpt');
    await disk.write(512, new Uint8Array(1024));
    await editPartitionTable(disk, (t) => requireGpt(t).setName(1, 'again'));
    await expectAccepted(disk);
  });

  it('on a disk of 4096-byte sectors equals what sgdisk would read there', async () => {
    const disk = scratch.disk(64 * MIB, 4096);
    await partitionWholeDisk(disk, 'gpt');
    const table = await readPartitionTable(disk);
    expect(table!.partitions[0]).toMatchObject({ start: 128 * 4096, size: (16384 - 255) * 4096, name: 'p1' });
    const partx = run('partx', ['-g', '-r', '-S', '4096', '-o', 'START,SECTORS', disk.path]);
    // partx reports units of 512 bytes whatever the sector size.
    expect(partx.trim()).toBe(`${128 * 8} ${(16384 - 255) * 8}`);
  });
});

describe.runIf(requireTools(...ORACLES))('MBR made here', () => {
  it('is accepted by sfdisk, parted and partx after every kind of change', async () => {
    const disk = scratch.disk(256 * MIB);
    await initPartitionTable(disk, 'mbr');
    await expectAccepted(disk);
    const changes: readonly ((table: ReturnType<typeof requireMbr>) => unknown)[] = [
      (t) => t.add({ start: 2048, end: 206847 }),
      (t) => t.add({ start: 206848, end: 400000, kind: 'extended' }),
      (t) => t.add({ start: 206849, end: 250000, kind: 'logical' }),
      (t) => t.add({ start: 300002, end: 350000, kind: 'logical' }),
      (t) => expect(t.add({ start: 250002, end: 260000, kind: 'logical', mbrId: 0x82 })).toBe(7),
      (t) => t.setBootable(1, true),
      (t) => t.setBootable(6, true),
      (t) => t.setMbrId(1, 0x0c),
      (t) => t.resize(6, 360000),
      (t) => t.resize(2, -1),
      (t) => t.delete(5),
      (t) => t.delete(6),
      (t) => t.add({ start: 206850, end: 207000, kind: 'logical' }),
      (t) => t.delete(2),
    ];
    for (const change of changes) {
      await editPartitionTable(disk, (table) => change(requireMbr(table)));
      await expectAccepted(disk);
    }
    expect((await readPartitionTable(disk))!.partitions).toHaveLength(1);
  });

  it('part_disk leaves 128 sectors at either end, as libguestfs does with parted', async () => {
    const [ours, theirs] = [scratch.disk(64 * MIB), scratch.disk(64 * MIB)];
    await partitionWholeDisk(ours, 'mbr');
    run('parted', ['-s', '--', theirs.path, 'mklabel', 'msdos', 'mkpart', 'primary', '128s', '-128s']);
    const places = async (d: DiskFile) =>
      (await readPartitionTable(d))!.partitions.map((p) => [p.start, p.size, p.type]);
    expect(await places(ours)).toEqual(await places(theirs));
    await expectAccepted(ours);
  });

  it('edits keep the boot code and the disk identifier', async () => {
    const disk = scratch.disk(64 * MIB);
    await partitionWholeDisk(disk, 'mbr');
    await disk.write(0, new Uint8Array(440).fill(0x90));
    const before = (await readPartitionTable(disk))!.id;
    await editPartitionTable(disk, (t) => t.setBootable(1, true));
    expect(await disk.read(0, 440)).toEqual(new Uint8Array(440).fill(0x90));
    expect((await readPartitionTable(disk))!.id).toBe(before);
    await initPartitionTable(disk, 'gpt');
    await expectAccepted(disk);
    await initPartitionTable(disk, 'mbr');
    await expectAccepted(disk);
    expect(await disk.read(0, 440)).toEqual(new Uint8Array(440).fill(0x90));
  });

  it('replaces tables of other systems', async () => {
    for (const type of ['sun', 'mac', 'bsd', 'amiga', 'dvh', 'pc98']) {
      const disk = scratch.disk(64 * MIB);
      run('parted', ['-s', disk.path, 'mklabel', type]);
      await initPartitionTable(disk, 'mbr');
      expect((await readPartitionTable(disk))!.type).toBe('msdos');
      expect(run('blkid', ['-p', '-o', 'value', '-s', 'PTTYPE', disk.path]).trim()).toBe('dos');
    }
  });
});

describe('refusals', () => {
  const gpt = async () => requireGpt(await initPartitionTable(scratch.disk(64 * MIB), 'gpt'));
  const mbr = async () => requireMbr(await initPartitionTable(scratch.disk(64 * MIB), 'mbr'));

  it('of places that are taken, outside or backwards', async () => {
    for (const editor of [await gpt(), await mbr()]) {
      editor.add({ start: 2048, end: 4095 });
      expect(() => editor.add({ start: 4095, end: 5000 })).toThrow(/overlap partition 1/);
      expect(() => editor.add({ start: 5000, end: 4999 })).toThrow(/not within/);
      expect(() => editor.add({ start: 0, end: 100 })).toThrow(/not within/);
      expect(() => editor.add({ start: -5, end: 100 })).toThrow(/not within/);
      expect(() => editor.add({ start: 5000, end: 10 ** 9 })).toThrow(/not within/);
      expect(() => editor.resize(2, 5000)).toThrow(/partition 2 does not exist/);
      expect(() => editor.delete(0)).toThrow(/does not exist/);
    }
    const other = await initPartitionTable(scratch.disk(MIB), 'mbr');
    expect(() => requireGpt(other, 'part_set_name')).toThrow('part_set_name: the partition table is msdos, not gpt');
  });

  it('of a GPT up to its last sector, where the backup is', async () => {
    const editor = await gpt();
    expect(() => editor.add({ start: 2048, end: -1 })).toThrow(/usable sectors 34\.\.131038/);
    expect(() => editor.setGuid(1, 'nonsense')).toThrow(/does not exist/);
    editor.add({ start: 2048, end: 4095 });
    expect(() => editor.setGuid(1, 'nonsense')).toThrow(/not a GUID/);
    expect(() => editor.setName(1, 'x'.repeat(37))).toThrow(/longer than 36/);
  });

  it('of a fifth primary, a second extended and logical partitions without one', async () => {
    const editor = await mbr();
    expect(() => editor.add({ start: 2048, end: 4095, kind: 'logical' })).toThrow(/no extended partition/);
    editor.add({ start: 2048, end: 8191, kind: 'extended' });
    expect(() => editor.add({ start: 8192, end: 9000, kind: 'extended' })).toThrow(/extended partition already/);
    expect(() => editor.add({ start: 2048, end: 4000, kind: 'logical' })).toThrow(/not within 2049/);
    editor.add({ start: 2049, end: 4000, kind: 'logical' });
    expect(() => editor.add({ start: 4001, end: 5000, kind: 'logical' })).toThrow(/overlap partition 5/);
    expect(() => editor.resize(1, 3000)).toThrow(/behind the new end/);
    for (let i = 0; i < 3; i++) editor.add({ start: 10000 + i * 10, end: 10009 + i * 10 });
    expect(() => editor.add({ start: 20000, end: 20001 })).toThrow(/all four/);
  });

  it('of table types that are unknown or only read', async () => {
    const disk = scratch.disk(MIB);
    expect(partitionTableType('rdb')).toBe('amiga');
    await expect(initPartitionTable(disk, 'nonsense')).rejects.toMatchObject({ code: 'VMC_USAGE' });
    await expect(initPartitionTable(disk, 'toString')).rejects.toMatchObject({ code: 'VMC_USAGE' });
    await expect(initPartitionTable(disk, 'sun')).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED' });
    await expect(initPartitionTable(scratch.disk(4096), 'gpt')).rejects.toMatchObject({ code: 'VMC_USAGE' });
    await expect(openTableEditor(disk)).rejects.toMatchObject({ code: 'VMC_USAGE' });
  });

  it('of writing back a chain of EBRs that is broken', async () => {
    const disk = scratch.disk(64 * MIB);
    const editor = requireMbr(await initPartitionTable(disk, 'mbr'));
    editor.add({ start: 2048, end: -1, kind: 'extended' });
    editor.add({ start: 2049, end: 4000, kind: 'logical' });
    editor.add({ start: 4002, end: 5000, kind: 'logical' });
    await editor.write();
    await disk.write(4001 * 512 + 510, new Uint8Array(2));
    await expect(openTableEditor(disk)).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
  });
});

describe.runIf(requireTools('sgdisk'))('MBR types as GPT types', () => {
  it.each([0x07, 0x0c, 0x27, 0x41, 0x82, 0x83, 0x8e, 0xa5, 0xa6, 0xaf, 0xbf, 0xea, 0xef, 0xfb, 0xfd])(
    'type %i is what sgdisk makes of it',
    async (id) => {
      const disk = scratch.disk(8 * MIB);
      const editor = requireMbr(await initPartitionTable(disk, 'mbr'));
      editor.add({ start: 2048, end: 4095, mbrId: id });
      await editor.write();
      const guid = /GUID code: (\S+)/.exec(run('sgdisk', ['-i', '1', disk.path]))![1]!;
      expect(guidOfMbrType(id)).toBe(guid.toLowerCase());
    },
  );
});
