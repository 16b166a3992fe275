import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pattern, requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import type { GuestFS } from 'vmcraft';
import { cli } from '../cli/run-cli.js';
import { files, KEYS, Stack } from './workspace.js';

const MINUTE = 60_000;
const MiB = 1 << 20;
const ROOT = '/dev/vg/root';
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
const digest = (path: string): string => sha256(readFileSync(path));

/** All orders of three disks. */
const orders = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const;

/** Mount the guest's system, and the volume that only its owner opens. */
async function mountAll(g: GuestFS): Promise<void> {
  await g.mountRoot();
  for (const name of await g.listDmDevices()) if ((await g.vfsType(name)) === 'ext2') await g.mount(name, '/vault');
}

/** Each file of the fixture, as it reads. */
async function contents(g: GuestFS): Promise<[string, string][]> {
  await mountAll(g);
  const out: [string, string][] = [];
  for (const [path] of files) out.push([path, sha256(await g.readFile(path))]);
  return out;
}

describe.runIf(requireTools('qemu-img'))('LUKS on LVM on LUKS on RAID 5 on partitions of three disks', () => {
  const qcow2 = new Stack('qcow2');
  afterAll(() => qcow2[Symbol.dispose]());
  const inOrder = (order: readonly number[]): string[] => order.map((n) => qcow2.disks[n] as string);

  it('is found without being told, whatever the order of the disks', async () => {
    const before = qcow2.disks.map(digest);
    for (const order of orders) {
      await qcow2.with(
        inOrder(order),
        async (g) => {
          expect(await g.inspectOs()).toEqual([ROOT]);
          expect(await g.inspectGetHostname(ROOT)).toBe('stacked');
          expect(await contents(g)).toEqual(files);
        },
        { readonly: true },
      );
    }
    expect(qcow2.disks.map(digest)).toEqual(before);
  });

  it('reads through parity with any one disk left out', async () => {
    for (const order of [
      [1, 2],
      [2, 0],
      [1, 0],
    ]) {
      await qcow2.with(inOrder(order), async (g) => expect(await contents(g)).toEqual(files), { readonly: true });
    }
  });

  it('with two disks left out says which array lacks what', async () => {
    await qcow2.with(
      inOrder([1]),
      async (g) => {
        const [array = ''] = await g.listMdDevices();
        await expect(g.blockdevGetsize64(array).then(() => g.preadDevice(array, 512, 0))).rejects.toThrow(
          /raid5.*(1 of 3|missing)/is,
        );
        expect(await g.inspectOs()).toEqual([]);
      },
      { readonly: true },
    );
  });

  it('with a wrong passphrase says which container is locked', async () => {
    const disks = qcow2.disks.flatMap((disk) => ['-a', disk]);
    const failed = await cli(['cat', ...disks, '--key', 'all:key:wrong', '/etc/hostname']);
    expect(failed.status).not.toBe(0);
    expect(failed.stderr).toMatch(/\/dev\/md\S+: no given key opens it/);
    await qcow2.with(
      qcow2.disks,
      async (g) => {
        await g.mountRoot();
        expect(await g.cat('/etc/hostname')).toBe('stacked\n');
        await expect(g.cryptsetupOpen('/dev/vg/vault', 'wrong', 'vault')).rejects.toMatchObject({
          code: 'VMC_KEY_WRONG',
          message: expect.stringContaining('/dev/vg/vault'),
        });
      },
      { readonly: true, keys: ['outer'] },
    );
  });

  it('is drawn as a tree', async () => {
    const args = [
      ...qcow2.disks.flatMap((disk) => ['-a', disk]),
      ...KEYS.flatMap((key) => ['--key', `all:key:${key}`]),
    ];
    const { stdout } = await cli(['filesystems', '--tree', ...args]);
    for (const kind of ['partition', 'raid5', 'luks', 'lv']) expect(stdout).toContain(kind);
    const { devices } = JSON.parse((await cli(['filesystems', '--tree', '--json', ...args])).stdout) as {
      devices: { name: string; parents: string[]; uses: string[] }[];
    };
    const root = devices.find(({ name }) => name === ROOT);
    expect(root?.uses).toContain('/');
    expect(devices.find(({ parents }) => parents.includes('/dev/sda1'))?.parents).toEqual([
      '/dev/sda1',
      '/dev/sdb1',
      '/dev/sdc1',
    ]);
  });
});

/** Edits on the raw disks, then the same disks in a machine with md, dm-crypt and LVM of its own. */
describe.runIf(requireTools('guestfish', 'mdadm', 'cryptsetup'))('what was written to a stack', () => {
  const raw = new Stack('raw');
  afterAll(() => raw[Symbol.dispose]());

  /** Sizes and places that cross chunks, stripes and encrypted sectors. */
  async function edit(g: GuestFS): Promise<void> {
    await mountAll(g);
    await g.write('/etc/hostname', 'edited\n');
    await g.write('/home/new', pattern(1.5 * MiB, 5));
    await g.rm('/home/small');
    await g.write('/vault/secret', 'kept as before?');
  }

  it(
    'is read back by the kernel, and the array agrees with its parity',
    async () => {
      await raw.with(raw.disks, edit);
      const expected = join(raw.folder, 'expected');
      writeFileSync(expected, pattern(1.5 * MiB, 5));
      const inside = (command: string): string => `debug sh "${command}"`;
      const script = [
        'run',
        inside('cat /proc/mdstat'),
        inside(
          'M=$(ls /dev/md[0-9]* | head -1); echo check > /sys/block/$(basename $M)/md/sync_action; mdadm --wait $M; cat /sys/block/$(basename $M)/md/mismatch_cnt; mdadm --detail $M',
        ),
        inside('M=$(ls /dev/md[0-9]* | head -1); echo -n outer | cryptsetup open $M outer -'),
        inside('lvm vgchange -ay vg'),
        inside('lvm vgck vg && lvm pvck /dev/mapper/outer'),
        inside('echo -n inner | cryptsetup open /dev/vg/vault vault -'),
        inside('e2fsck -fn /dev/vg/root && e2fsck -fn /dev/vg/home && e2fsck -fn /dev/mapper/vault'),
        'mount /dev/vg/root /',
        'mount /dev/vg/home /home',
        'mount /dev/mapper/vault /vault',
        'cat /etc/hostname',
        'checksum sha256 /home/new',
        'checksum sha256 /home/large',
        'cat /vault/secret',
        'exists /home/small',
      ];
      writeFileSync(join(raw.folder, 'script'), `${script.join('\n')}\n`);
      const said = execFileSync(
        'guestfish',
        ['--ro', ...raw.disks.flatMap((disk) => ['--format=raw', '-a', disk]), '-f', join(raw.folder, 'script')],
        {
          encoding: 'utf8',
          env: { ...process.env, LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' },
          timeout: 10 * MINUTE,
        },
      );
      expect(said).toMatch(/^0$/m);
      expect(said).toMatch(/State : clean(?!, degraded)/);
      for (const line of ['edited', digest(expected), 'kept as before?', 'false'])
        expect(said.split('\n')).toContain(line);
      const large = files.find(([path]) => path === '/home/large')?.[1];
      expect(said.split('\n')).toContain(large);
      for (const disk of raw.disks) {
        const examined = execFileSync(
          'sh',
          ['-c', `dd if=${disk} bs=1M skip=1 status=none > ${disk}.part; mdadm --examine ${disk}.part`],
          {
            encoding: 'utf8',
          },
        );
        expect(examined).toMatch(/Checksum : \w+ - correct/);
        expect(examined).toMatch(/State : clean/);
      }
    },
    10 * MINUTE,
  );
});
