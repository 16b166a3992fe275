import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { BOOT_NEEDS, bootUntil } from './boot.js';
import { CRYPT_NEEDS, cryptGuest, PASSPHRASE } from './crypt-guest.js';

const CLI = fileURLToPath(new URL('../../bin/vmcraft', import.meta.url));
const MINUTE = 60_000;
/** What the package's service prints on the console at boot. */
const SIGN = 'VMCRAFT-PACKAGE-RUNS';

/** A package with a service that its own script enables, as packages do. */
function localPackage(folder: string): string {
  const root = join(folder, 'package');
  mkdirSync(join(root, 'DEBIAN'), { recursive: true });
  mkdirSync(join(root, 'lib/systemd/system'), { recursive: true });
  writeFileSync(
    join(root, 'DEBIAN/control'),
    'Package: vmcraft-sign\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: says that it runs\n',
  );
  writeFileSync(
    join(root, 'DEBIAN/postinst'),
    '#!/bin/sh\nset -e\nadduser --system --no-create-home sign 2>/dev/null || useradd -r sign\nsystemctl enable vmcraft-sign.service\nldconfig\n',
    { mode: 0o755 },
  );
  writeFileSync(
    join(root, 'lib/systemd/system/vmcraft-sign.service'),
    `[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo ${SIGN} > /dev/console'\n[Install]\nWantedBy=multi-user.target\n`,
  );
  execFileSync('dpkg-deb', ['-b', '--root-owner-group', root, join(folder, 'sign.deb')], { stdio: 'ignore' });
  return join(folder, 'sign.deb');
}

/** Mounts, loop devices and processes of this host that have to do with one image or one process of ours. */
function traces(pid: number, image: string): string[] {
  const isOurs = (text: string): boolean => text.includes(`vmcraft-host-${pid}-`) || text.includes(image);
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return '';
    }
  };
  return [
    ...read('/proc/mounts').split('\n'),
    ...readdirSync('/sys/block').map((name) => read(`/sys/block/${name}/loop/backing_file`)),
    ...readdirSync('/proc').map((name) => (/^\d+$/.test(name) ? read(`/proc/${name}/cmdline`) : '')),
    ...readdirSync(tmpdir()),
  ].filter(isOurs);
}

describe.runIf(requireTools(...CRYPT_NEEDS, ...BOOT_NEEDS, 'dpkg-deb'))('a Debian guest on LVM on LUKS', () => {
  let folder: string;
  let image: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-run-'));
    image = join(folder, 'guest.raw');
    execFileSync('cp', ['--sparse=always', await cryptGuest(), image]);
  }, 20 * MINUTE);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const vmcraft = async (...words: string[]): Promise<{ pid: number; output: string; status: number | null }> => {
    const [task = '', ...rest] = words;
    const key = ['--key', `all:key:${PASSPHRASE}`, '--image-format', 'raw'];
    const child = spawn(CLI, [task, ...key, ...rest], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += String(data)));
    const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { pid: child.pid ?? 0, output, status };
  };

  it(
    'gets a local package by vmcraft run, all or nothing, and nothing is left on the host',
    async () => {
      const deb = localPackage(folder);
      expect((await vmcraft('copy-in', image, deb, '/root')).status).toBe(0);
      const failed = await vmcraft('run', image, '--', 'sh', '-c', 'dpkg -i /root/sign.deb && exit 3');
      expect(failed.status, failed.output).toBe(3);
      expect((await vmcraft('run', image, '--', 'dpkg', '-s', 'vmcraft-sign')).status).toBe(1);
      const installed = await vmcraft('run', image, '--', 'dpkg', '-i', '/root/sign.deb');
      expect(installed.status, installed.output).toBe(0);
      expect(installed.output).toContain('Setting up vmcraft-sign (1.0)');
      expect(traces(installed.pid, image)).toEqual([]);
      expect((await vmcraft('run', image, '--', 'dpkg', '-s', 'vmcraft-sign')).output).toContain(
        'install ok installed',
      );
    },
    10 * MINUTE,
  );

  it(
    'boots afterwards, with what was installed',
    async () => {
      const g = await GuestFS.open(image, { format: 'raw', readonly: true, keys: [PASSPHRASE] });
      await g.mountRoot();
      const [kernel, initrd] = [join(folder, 'kernel'), join(folder, 'initrd')];
      const names = await g.ls('/boot');
      await g.download(`/boot/${names.find((name) => name.startsWith('vmlinuz'))}`, kernel);
      await g.download(`/boot/${names.find((name) => name.startsWith('initrd'))}`, initrd);
      await g.close();
      const boot = await bootUntil(image, 'raw', new RegExp(SIGN), {
        kernel: { kernel, initrd, append: 'root=/dev/mapper/vg-root ro console=ttyS0' },
      });
      expect(boot.reached, boot.console.slice(-3000)).toBe(true);
    },
    10 * MINUTE,
  );
});
