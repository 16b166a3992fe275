import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { engineTree } from '../ext/engine.js';
import { KernelMount } from '../ext/kernel-mount.js';
import { describeDifferences, type TreeEntry } from '../ext/tree.js';
import { debianGuest, FORMS, GUEST_IMAGE, GUEST_NEEDS, guestAs, overlayOn, ROOT_PARTITION } from './guest-image.js';

const MINUTE = 60_000;

/** Start of a partition in bytes, by sgdisk. */
function partitionStart(image: string, number: number): number {
  const text = execFileSync('sgdisk', ['-i', String(number), image], { encoding: 'utf8' });
  return Number(/First sector: (\d+)/.exec(text)?.[1]) * 512;
}

async function kernelTree(image: string): Promise<readonly TreeEntry[]> {
  const mount = KernelMount.open(image, `ro,noatime,offset=${partitionStart(image, 3)}`);
  try {
    return await mount.tree();
  } finally {
    await mount.close();
  }
}

/** Files of the ESP with their sha256, by mtools. */
function espByMtools(image: string): Record<string, string> {
  const at = `${image}@@${partitionStart(image, 2)}`;
  const files = execFileSync('mdir', ['-/', '-b', '-i', at, '::'], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .filter((f) => !f.endsWith('/'));
  return Object.fromEntries(
    files.map((f) => [
      f.replace(/^::/, ''),
      sha256(execFileSync('mcopy', ['-n', '-i', at, f, '-'], { maxBuffer: 64 << 20 })),
    ]),
  );
}

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

describe.runIf(requireTools(...GUEST_NEEDS))('a Debian 12 guest in every image format', () => {
  let folder: string;
  let expected: readonly TreeEntry[];
  let esp: Record<string, string>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-test-'));
    const image = await debianGuest();
    expected = await kernelTree(image);
    esp = espByMtools(image);
  }, 20 * MINUTE);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const check = async (path: string): Promise<void> => {
    await using g = await GuestFS.open(path, { readonly: true });
    const [os] = await g.inspectOsInfo();
    expect(os).toMatchObject({
      root: ROOT_PARTITION.device,
      type: { value: 'linux' },
      distro: { value: 'debian', source: '/etc/os-release' },
      productName: { value: 'Debian GNU/Linux 12 (bookworm)' },
      majorVersion: { value: 12 },
      arch: { value: 'x86_64' },
      hostname: { value: 'debian-guest', source: '/etc/hostname' },
      timezone: { value: 'Europe/Berlin' },
      packageFormat: { value: 'deb' },
      packageManagement: { value: 'apt' },
      osinfo: { value: 'debian12' },
      bootloader: { value: 'grub2' },
      initSystem: { value: 'systemd' },
    });
    expect(await g.inspectGetMountpoints(ROOT_PARTITION.device)).toEqual({
      '/': '/dev/sda3',
      '/boot/efi': '/dev/sda2',
    });
    expect(os?.kernels?.[0]?.version).toMatch(/^6\.1\.0-\d+-amd64$/);
    expect(os?.users?.map((u) => u.name)).toEqual(expect.arrayContaining(['root', 'ada', 'sshd']));
    const found = await g.session.withFilesystem(ROOT_PARTITION.device, true, engineTree);
    const timed = new Set(expected.map((e) => e.path));
    expect(describeDifferences(found, expected, timed)).toEqual([]);
    await g.mountRoot();
    for (const [file, hash] of Object.entries(esp))
      expect(sha256(await g.readFile(`/boot/efi${file}`)), file).toBe(hash);
  };

  it('has a tree worth comparing', () => {
    expect(expected.length).toBeGreaterThan(10_000);
    expect(Object.keys(esp).length).toBeGreaterThan(0);
    expect(expected.find((e) => e.path === 'srv/zoo/hole')?.size).toBe(5_368_709_120);
  });

  for (const form of Object.keys(FORMS)) {
    it(
      form,
      async () => {
        const path = await guestAs(form, mkdtempSync(join(folder, 'image-')));
        try {
          await check(path);
        } finally {
          rmSync(path, { force: true });
        }
      },
      10 * MINUTE,
    );
  }

  it(
    'qcow2 on a backing file',
    async () => {
      const base = await guestAs('raw', folder);
      await check(overlayOn(base, folder));
    },
    10 * MINUTE,
  );

  it('lists the packages that dpkg lists', async () => {
    const status = execFileSync('tar', ['-xOf', GUEST_IMAGE.replace(/\.raw$/, '.root.tar'), './var/lib/dpkg/status'], {
      encoding: 'utf8',
      maxBuffer: 64 << 20,
    });
    const installed = status.split('\n\n').filter((stanza) => /^Status: install ok installed$/m.test(stanza));
    const wanted = installed.map((stanza) => /^Package: (.*)$/m.exec(stanza)?.[1]).sort();
    expect(wanted.length).toBeGreaterThan(100);
    await using g = await GuestFS.open(GUEST_IMAGE, { readonly: true, format: 'raw' });
    await g.inspectOs();
    const found = (await g.inspectListApplications2(ROOT_PARTITION.device)).map((a) => a.app2_name).sort();
    expect(found).toEqual(wanted);
  });
});
