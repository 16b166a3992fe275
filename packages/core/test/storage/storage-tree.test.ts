import { describe, expect, it } from 'vitest';
import { MemoryDevice, SliceDevice } from '../../src/block/index.js';
import type { BlockDevice, Member, StorageActivator, Volume, Warning } from '../../src/contracts/index.js';
import { CorruptImageError, CredentialError } from '../../src/errors/index.js';
import { editPartitionTable, initPartitionTable, partitionWholeDisk } from '../../src/partition/index.js';
import { diskName, driveIndex, driveLetters, parseDiskName, StorageTree } from '../../src/storage/index.js';

const MIB = 2 ** 20;
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/**
 * A stack for tests: the first sector says `<magic> <group> <number of members>`; the volume is what follows on the
 * first member, and comes up when all members are there.
 */
class FakeActivator implements StorageActivator {
  activations = 0;

  constructor(
    readonly name: string,
    private readonly magic: string,
    private readonly prefix: string,
  ) {}

  async probe(device: BlockDevice): Promise<Member | undefined> {
    if (device.size < 512) return undefined;
    const [magic, group] = new TextDecoder().decode(await device.read(0, 64)).split(/[ \0]/);
    if (magic !== this.magic || group === undefined) return undefined;
    return { type: `${this.name}_member`, groupId: group, uuid: group, device };
  }

  async activate(members: readonly Member[]): Promise<readonly Volume[]> {
    this.activations += 1;
    const first = members[0]!;
    const wanted = Number(new TextDecoder().decode(await first.device.read(0, 64)).split(/[ \0]/)[2]);
    if (members.length < wanted) return [];
    const device = new SliceDevice(first.device, 4096, first.device.size - 4096);
    return [{ name: `${this.prefix}${first.groupId}`, kind: this.name, device }];
  }
}

/** A disk of one GPT partition at 1 MiB, and that partition. */
async function disk(size = 64 * MIB): Promise<{ device: MemoryDevice; at: number }> {
  const device = new MemoryDevice(size);
  const editor = await initPartitionTable(device, 'gpt');
  editor.add({ start: 2048, end: -2048, name: 'data' });
  await editor.write();
  return { device, at: MIB };
}

async function writeSwap(device: BlockDevice, at: number, label: string): Promise<void> {
  await device.write(at + 4086, ascii('SWAPSPACE2'));
  await device.write(at + 1024, Uint8Array.of(1, 0, 0, 0, 9));
  await device.write(at + 1036, new Uint8Array(16).fill(0x11));
  await device.write(at + 1052, ascii(label));
}

describe('names', () => {
  it('letters count as Linux counts them', () => {
    expect([0, 25, 26, 51, 52, 701, 702].map(driveLetters)).toEqual(['a', 'z', 'aa', 'az', 'ba', 'zz', 'aaa']);
    for (let i = 0; i < 1000; i++) expect(driveIndex(driveLetters(i))).toBe(i);
    expect(diskName(26)).toBe('/dev/sdaa');
  });

  it.each([
    ['/dev/vdb3', { disk: 1, partition: 3 }],
    ['/dev/xvda', { disk: 0 }],
    ['/dev/nvme2n1p11', { disk: 2, partition: 11 }],
    ['/dev/mmcblk0p1', { disk: 0, partition: 1 }],
    ['/dev/mapper/x', undefined],
  ])('%s', (name, expected) => expect(parseDiskName(name)).toEqual(expected));
});

describe('StorageTree', () => {
  it('names disks and partitions and finds them by every alias', async () => {
    const { device, at } = await disk();
    await writeSwap(device, at, 'my swap');
    const tree = await StorageTree.discover([{ device: new MemoryDevice(MIB) }, { device, label: 'data' }]);
    expect(tree.devices.map((d) => [d.name, d.kind, d.parents])).toEqual([
      ['/dev/sda', 'disk', []],
      ['/dev/sdb', 'disk', []],
      ['/dev/sdb1', 'partition', ['/dev/sdb']],
    ]);
    const sdb1 = tree.find('/dev/sdb1')!;
    expect(sdb1).toMatchObject({ partition: { number: 1, start: MIB, name: 'data' }, signature: { type: 'swap' } });
    const uuid = '11111111-1111-1111-1111-111111111111';
    for (const alias of [
      '/dev/vdb1',
      '/dev/hdb1',
      '/dev/nvme1n1p1',
      `UUID=${uuid}`,
      `UUID="${uuid}"`,
      `/dev/disk/by-uuid/${uuid}`,
      'LABEL=my swap',
      '/dev/disk/by-label/my\\x20swap',
      'PARTLABEL=data',
      `PARTUUID=${sdb1.partition!.uuid!.toUpperCase()}`,
      '/dev/disk/guestfs/data1',
    ]) {
      expect([alias, tree.find(alias)?.name]).toEqual([alias, '/dev/sdb1']);
    }
    expect(tree.find('/dev/disk/guestfs/data')?.name).toBe('/dev/sdb');
    for (const alias of ['/dev/sdc', '/dev/vdb2', 'LABEL=MY SWAP', 'UUID=', '/dev/disk/by-label/%', 'constructor']) {
      expect([alias, tree.find(alias)]).toEqual([alias, undefined]);
    }
  });

  it('brings up stacks of any depth: a volume on a container on an array of two partitions', async () => {
    const [one, two] = [await disk(), await disk()];
    await one.device.write(one.at, ascii('ARRAY r0 2\0'));
    await two.device.write(two.at, ascii('ARRAY r0 2\0'));
    await one.device.write(one.at + 4096, ascii('CRYPT c0 1\0'));
    await one.device.write(one.at + 8192, ascii('GROUP vg/root 1\0'));
    await writeSwap(one.device, one.at + 12288, 'deep');
    const activators = [
      new FakeActivator('group', 'GROUP', '/dev/'),
      new FakeActivator('crypt', 'CRYPT', '/dev/mapper/'),
      new FakeActivator('array', 'ARRAY', '/dev/md-'),
    ];
    const tree = await StorageTree.discover([one, two], { activators });
    expect(tree.devices.filter((d) => d.kind === 'volume').map((d) => [d.name, d.parents, d.volumeKind])).toEqual([
      ['/dev/md-r0', ['/dev/sda1', '/dev/sdb1'], 'array'],
      ['/dev/mapper/c0', ['/dev/md-r0'], 'crypt'],
      ['/dev/vg/root', ['/dev/mapper/c0'], 'group'],
    ]);
    expect(tree.find('/dev/mapper/vg-root')?.signature).toMatchObject({ type: 'swap', label: 'deep' });
    expect(tree.find('/dev/sda1')).toMatchObject({ claimedBy: 'array', member: { deviceName: '/dev/sda1' } });
    expect(activators.map((a) => a.activations)).toEqual([1, 1, 1]);
    tree.forget('/dev/mapper/c0');
    expect(tree.devices.map((d) => d.name)).not.toContain('/dev/vg/root');
    expect(await tree.activate()).toEqual(['/dev/mapper/c0', '/dev/vg/root']);
  });

  it('asks activators that name their types only about such members and what shows no signature', async () => {
    const asked: string[] = [];
    const spy = (name: string, memberTypes?: readonly string[]): StorageActivator => ({
      name,
      ...(memberTypes === undefined ? {} : { memberTypes }),
      probe: async (device) => void asked.push(`${name} ${device.size}`) as undefined,
      activate: async () => [],
    });
    const [swap, empty] = [new MemoryDevice(MIB), new MemoryDevice(2 * MIB)];
    await writeSwap(swap, 0, 'swap');
    const activators = [spy('any'), spy('raid', ['linux_raid_member']), spy('swap', ['swap'])];
    await StorageTree.discover([{ device: swap }, { device: empty }], { activators });
    expect(asked).toEqual([`any ${MIB}`, `swap ${MIB}`, `any ${2 * MIB}`, `raid ${2 * MIB}`, `swap ${2 * MIB}`]);
  });

  it('keeps the failure of one activator from the others, with its cause', async () => {
    const { device, at } = await disk();
    await device.write(at, ascii('CRYPT c0 1\0'));
    const cause = new CorruptImageError({ structure: 'test', reason: 'broken' });
    const broken: StorageActivator = { name: 'broken', probe: () => Promise.reject(cause), activate: async () => [] };
    const warnings: Warning[] = [];
    const activators = [broken, new FakeActivator('crypt', 'CRYPT', '/dev/mapper/')];
    const tree = await StorageTree.discover([{ device }], { activators, warn: (w) => warnings.push(w) });
    expect(tree.find('/dev/mapper/c0')).toBeDefined();
    expect(warnings[0]).toMatchObject({ source: 'storage', message: expect.stringContaining('broken'), cause });
  });

  it('tries a locked container again when asked, for a key may have come', async () => {
    const { device, at } = await disk();
    await device.write(at, ascii('CRYPT c0 1\0'));
    let hasKey = false;
    const inner = new FakeActivator('crypt', 'CRYPT', '/dev/mapper/');
    const locked: StorageActivator = {
      name: 'crypt',
      probe: (d) => inner.probe(d),
      activate: async (members) => {
        if (!hasKey) throw new CredentialError({ subject: 'c0', wrong: false });
        return inner.activate(members);
      },
    };
    const warnings: Warning[] = [];
    const tree = await StorageTree.discover([{ device }], { activators: [locked], warn: (w) => warnings.push(w) });
    expect(warnings.map((w) => (w.cause as CredentialError).code)).toEqual(['VMC_KEY_REQUIRED']);
    hasKey = true;
    expect(await tree.activate()).toEqual(['/dev/mapper/c0']);
    expect(await tree.activate()).toEqual([]);
  });

  it('bounds rounds and devices', async () => {
    const device = new MemoryDevice(4 * MIB);
    const endless: StorageActivator = {
      name: 'endless',
      probe: async (d) => ({ type: 'x', groupId: String(d.size), uuid: '', device: d }),
      activate: async ([member]) => {
        const size = member!.device.size - 512;
        return [{ name: `/dev/x/${size}`, kind: 'x', device: new SliceDevice(member!.device, 512, size) }];
      },
    };
    const warnings: string[] = [];
    const tree = await StorageTree.discover([{ device }], {
      activators: [endless],
      limits: { maxRounds: 5 },
      warn: (w) => warnings.push(w.message),
    });
    expect(tree.devices).toHaveLength(6);
    expect(warnings).toEqual([expect.stringContaining('after 5 rounds')]);
    await expect(
      StorageTree.discover([{ device }], { activators: [endless], limits: { maxDevices: 3 } }),
    ).rejects.toMatchObject({ code: 'VMC_LIMIT' });
  });

  it('rescans a disk after its table was edited, and keeps partitions that stayed', async () => {
    const device = new MemoryDevice(64 * MIB);
    const tree = await StorageTree.discover([{ device }]);
    await partitionWholeDisk(device, 'mbr');
    await tree.rescan('/dev/sda');
    expect(tree.devices.map((d) => d.name)).toEqual(['/dev/sda', '/dev/sda1']);
    await editPartitionTable(device, (t) => t.resize(1, 4095));
    await editPartitionTable(device, (t) => t.add({ start: 4096, end: 8191 }));
    await tree.rescan('/dev/vda');
    const second = tree.find('/dev/sda2')!.device;
    expect(tree.find('/dev/sda1')!.device.size).toBe((4095 - 127) * 512);
    await editPartitionTable(device, (t) => t.delete(1));
    await tree.rescan('/dev/sda');
    expect(tree.devices.map((d) => d.name)).toEqual(['/dev/sda', '/dev/sda2']);
    expect(tree.find('/dev/sda2')!.device).toBe(second);
    await writeSwap(second, 0, 'new');
    await tree.rescan('/dev/sda2');
    expect(tree.find('LABEL=new')?.name).toBe('/dev/sda2');
    await expect(tree.rescan('/dev/sdz')).rejects.toMatchObject({ code: 'VMC_USAGE' });
  });

  it('cuts partitions at the end of the disk, drops those behind it, and keeps extended ones small', async () => {
    const large = new MemoryDevice(64 * MIB);
    const editor = await initPartitionTable(large, 'mbr');
    editor.add({ start: 2048, end: 4095, kind: 'extended' as never });
    editor.add({ start: 4096, end: 131071 });
    await editor.write();
    const small = new SliceDevice(large, 0, 8 * MIB);
    const warnings: string[] = [];
    const tree = await StorageTree.discover([{ device: small }], { warn: (w) => warnings.push(w.message) });
    expect(tree.devices.map((d) => [d.name, d.device.size])).toEqual([
      ['/dev/sda', 8 * MIB],
      ['/dev/sda1', 1024],
      ['/dev/sda2', 6 * MIB],
    ]);
    expect(warnings).toEqual([expect.stringContaining('is cut short')]);
  });
});
