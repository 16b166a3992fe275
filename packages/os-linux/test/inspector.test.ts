import { MemoryView, osInspectorCompliance } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { LinuxInspector } from '../src/index.js';

const UUID = '6b1f1a1e-0c5d-4d53-9e0a-2f7d0f4b1c01';

/** First bytes of an ELF file for x86-64. */
const ELF_X86_64 = Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 62, 0]);

const debian = {
  '/etc/os-release':
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian\n',
  '/etc/debian_version': '12.14\n',
  '/etc/hostname': 'zebra\n',
  '/etc/timezone': 'Etc/UTC\n',
  '/etc/localtime': '-> /usr/share/zoneinfo/Europe/Berlin',
  '/etc/default/locale': 'LANG="de_DE.UTF-8"\n',
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nbroken\nada:x:1000:1000:Ada,,,:/home/ada:/bin/sh\n',
  '/etc/fstab': [
    '# comment',
    `UUID=${UUID} / ext4 errors=remount-ro 0 1`,
    'LABEL=my\\040home /home ext4 defaults 0 2',
    'PARTUUID=aa-02 /boot ext4 ro 0 2',
    '/dev/hda3 /srv/deep ext4 defaults 0 2',
    '/dev/disk/by-id/ata-QEMU_HARDDISK_QM00001-part5 /opt ext4 defaults 0 2',
    '/dev/mapper/vg--0-var /var ext4 defaults 0 2',
    'UUID=dead-beef /gone ext4 defaults 0 2',
    '/dev/sda6 none swap sw 0 0',
    'tmpfs /tmp tmpfs defaults 0 0',
    '/home/x /mnt none bind 0 0',
    '/dev/cdrom /media/cdrom0 udf,iso9660 user,noauto 0 0',
  ].join('\n'),
  '/bin': '-> usr/bin',
  '/usr/bin/bash': ELF_X86_64,
  '/sbin/init': '-> /lib/systemd/systemd',
  '/var/placeholder': '',
};

const view = () =>
  new MemoryView(
    {
      '/dev/sda1': debian,
      '/dev/sda2': { '/vmlinuz-6.1.0-9-amd64': 'k', '/initrd.img-6.1.0-9-amd64': 'i', '/grub/grub.cfg': '' },
      '/dev/vg-0/var': {
        '/lib/dpkg/status': 'Package: hello\nStatus: install ok installed\nVersion: 1:2.10-3\nArchitecture: amd64\n\n',
      },
      '/dev/sda9': { '/files/only': 'data' },
    },
    [
      { mountable: '/dev/sda1', uuid: UUID },
      { mountable: '/dev/sda2', partUuid: 'AA-02' },
      { mountable: '/dev/sda3', canMount: true },
      { mountable: '/dev/sda4', label: 'my home' },
      { mountable: '/dev/sda5' },
      { mountable: '/dev/sda6', type: 'swap' },
      { mountable: '/dev/vg-0/var' },
    ],
  );

osInspectorCompliance(
  { describe, it },
  {
    name: 'os-linux on Debian',
    create: async () => ({
      inspector: new LinuxInspector(),
      view: view(),
      root: '/dev/sda1',
      foreign: '/dev/sda9',
      facts: {
        distro: 'debian',
        majorVersion: 12,
        minorVersion: 14,
        hostname: 'zebra',
        arch: 'x86_64',
        osinfo: 'debian12',
        packageFormat: 'deb',
      },
    }),
  },
);

describe('Debian with separate /boot, /home and an LVM /var', () => {
  it('resolves every kind of fstab name and mounts parents first', async () => {
    const os = await new LinuxInspector().inspect(view(), '/dev/sda1');
    expect(Object.fromEntries(os?.mountPoints.map((m) => [m.path, m.mountable]) ?? [])).toEqual({
      '/': '/dev/sda1',
      '/boot': '/dev/sda2',
      '/home': '/dev/sda4',
      '/opt': '/dev/sda5',
      '/var': '/dev/vg-0/var',
      '/srv/deep': '/dev/sda3',
    });
    expect(os?.filesystems).toContain('/dev/sda6');
    expect(os?.warnings).toEqual(['/etc/fstab: UUID=dead-beef for /gone is on none of the disks']);
  });

  it('reads kernels from the separate /boot, and settings from their own files', async () => {
    const os = await new LinuxInspector().inspect(view(), '/dev/sda1');
    expect(os?.kernels).toEqual([
      { version: '6.1.0-9-amd64', path: '/boot/vmlinuz-6.1.0-9-amd64', initrd: '/boot/initrd.img-6.1.0-9-amd64' },
    ]);
    expect(os?.bootloader).toEqual({ value: 'grub2', source: '/boot/grub/grub.cfg' });
    expect(os?.timezone).toEqual({ value: 'Europe/Berlin', source: '/etc/localtime' });
    expect(os?.locale).toEqual({ value: 'de_DE.UTF-8', source: '/etc/default/locale' });
    expect(os?.initSystem).toEqual({ value: 'systemd', source: '/sbin/init' });
    expect(os?.users).toEqual([
      { name: 'root', uid: 0, gid: 0, comment: 'root', home: '/root', shell: '/bin/bash' },
      { name: 'ada', uid: 1000, gid: 1000, comment: 'Ada', home: '/home/ada', shell: '/bin/sh' },
    ]);
  });

  it('lists packages from the database on /var', async () => {
    const inspector = new LinuxInspector();
    const os = await inspector.inspect(view(), '/dev/sda1');
    expect(await inspector.applications(view(), os as NonNullable<typeof os>)).toEqual([
      { name: 'hello', epoch: 1, version: '2.10', release: '3', arch: 'amd64' },
    ]);
  });
});

describe('a system whose /usr is a file system of its own', () => {
  it('is found by its fstab, and described from /usr/lib/os-release', async () => {
    const split = new MemoryView({
      '/dev/sda1': {
        '/etc/fstab': '/dev/vda1 / ext4\n/dev/vda2 /usr ext4\n',
        '/etc/os-release': '-> ../usr/lib/os-release',
        '/bin': '-> usr/bin',
        '/root/x': '',
      },
      '/dev/sda2': { '/lib/os-release': 'ID=arch\nNAME="Arch Linux"\nBUILD_ID=rolling\n', '/bin/bash': ELF_X86_64 },
    });
    const os = await new LinuxInspector().inspect(split, '/dev/sda1');
    expect(os?.distro).toEqual({ value: 'archlinux', source: '/etc/os-release' });
    expect(os?.arch?.value).toBe('x86_64');
    expect(os?.buildId?.value).toBe('rolling');
    expect(await new LinuxInspector().inspect(split, '/dev/sda2')).toBeUndefined();
  });
});
