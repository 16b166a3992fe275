import { execFileSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { BTRFS_TOOLS, makeBtrfs, scratch, withMount } from '../../packages/fs-btrfs/test/support.js';

const RELEASE = 'NAME="Fedora Linux"\nVERSION="40"\nID=fedora\nVERSION_ID=40\nPRETTY_NAME="Fedora Linux 40"\n';

/** A guest whose root and homes are subvolumes, as Fedora's installer makes it. */
function makeGuest(mount: string, uuid: string): void {
  const sh = (command: string): void => void execFileSync('sh', ['-ec', command], { cwd: mount, stdio: 'pipe' });
  sh('btrfs subvolume create root; btrfs subvolume create home; btrfs subvolume snapshot -r root before');
  sh('mkdir -p root/etc root/usr root/bin root/boot root/home root/var; echo mine > home/file');
  writeFileSync(join(mount, 'root/etc/os-release'), RELEASE);
  writeFileSync(join(mount, 'root/etc/hostname'), 'guest\n');
  const line = (path: string, name: string): string =>
    `UUID=${uuid} ${path} btrfs subvol=${name},compress=zstd:1 0 0\n`;
  writeFileSync(join(mount, 'root/etc/fstab'), line('/', 'root') + line('/home', 'home'));
}

describe.runIf(requireTools(...BTRFS_TOOLS))('a guest on subvolumes of a Btrfs over two disks', () => {
  const { folder, remove } = scratch();
  const UUID = '0f0e0d0c-0b0a-4908-8706-050403020100';
  let images: string[];
  let listed = '';
  beforeAll(() => {
    images = makeBtrfs(folder, ['-d', 'raid0', '-m', 'raid1', '-U', UUID], 2, '256M');
    withMount(images, folder, '', (mount) => {
      makeGuest(mount, UUID);
      listed = execFileSync('btrfs', ['subvolume', 'list', mount], { encoding: 'utf8' });
    });
  });
  afterAll(remove);

  const open = (paths: readonly string[]): Promise<GuestFS> => GuestFS.open([...paths], { readonly: true });

  it('lists the subvolumes, once for both disks', async () => {
    await using g = await open(images);
    expect(await g.listFilesystems()).toEqual({
      '/dev/sda': 'btrfs',
      'btrfsvol:/dev/sda/root': 'btrfs',
      'btrfsvol:/dev/sda/home': 'btrfs',
      'btrfsvol:/dev/sda/before': 'btrfs',
      '/dev/sdb': 'btrfs',
    });
    const found = (await g.btrfsSubvolumeList('/dev/sda')).map((s) => [s.btrfssubvolume_id, s.btrfssubvolume_path]);
    const theirs = [...listed.matchAll(/^ID (\d+) gen \d+ top level \d+ path (.*)$/gm)];
    expect(found.map(([id, path]) => [Number(id), path])).toEqual(theirs.map(([, id, path]) => [Number(id), path]));
    expect(Number(await g.btrfsSubvolumeGetDefault('/dev/sda'))).toBe(5);
  });

  it('opens two of them at a time by options of mount', async () => {
    await using g = await open(images);
    await g.mountOptions('ro,subvol=root', '/dev/sda', '/');
    await g.mountOptions('ro,subvol=/home', '/dev/sda', '/home');
    const [, id] = /^ID (\d+) .* path home$/m.exec(listed) ?? [];
    await g.mountOptions(`ro,subvolid=${id}`, '/dev/sda', '/boot');
    expect([await g.cat('/etc/hostname'), await g.cat('/home/file'), await g.cat('/boot/file')]).toEqual([
      'guest\n',
      'mine\n',
      'mine\n',
    ]);
  });

  it('opens each by name', async () => {
    await using g = await open(images);
    await g.mountRo('btrfsvol:/dev/sda/home', '/');
    expect(await g.cat('/file')).toBe('mine\n');
    expect((await g.btrfsSubvolumeList('/')).length).toBe(3);
    await g.umountAll();
    await expect(g.mountRo('btrfsvol:/dev/sda/none', '/')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is inspected and mounted as its fstab says', async () => {
    await using g = await open(images);
    const [root] = await g.inspectOs();
    expect(root).toBe('btrfsvol:/dev/sda/root');
    expect(await g.inspectGetDistro(root!)).toBe('fedora');
    const mounts = await g.inspectGetMountpoints(root!);
    expect(mounts).toEqual({ '/': 'btrfsvol:/dev/sda/root', '/home': 'btrfsvol:/dev/sda/home' });
    for (const path of Object.keys(mounts).sort()) await g.mountRo(mounts[path]!, path);
    expect(await g.cat('/home/file')).toBe('mine\n');
  });

  it('says which device is missing', async () => {
    const alone = join(folder, 'alone');
    copyFileSync(images[0]!, alone);
    await using g = await open([alone]);
    await g.mountRo('btrfsvol:/dev/sda/home', '/');
    expect(g.session.warnings.map(({ message }) => message).join('\n')).toMatch(/devid 2 \([0-9a-f-]{36}\) is missing/);
  });
});
