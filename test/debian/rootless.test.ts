import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OrdinaryUser, USER_NEEDS } from '../../packages/fs-host/test/ordinary-user.js';
import { traces } from '../../packages/fs-host/test/support.js';
import { debianGuest, GUEST_NEEDS, ROOT_PARTITION } from './guest-image.js';

const run = promisify(execFile);
const MINUTE = 60_000;

/** A package whose scripts make a user, and own files by it. */
function localPackage(folder: string): string {
  const root = join(folder, 'package');
  const files = {
    'DEBIAN/control':
      'Package: vmcraft-note\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: a note\n',
    'DEBIAN/postinst':
      '#!/bin/sh\nset -e\nuseradd -r note\nchown note: /var/lib/note\nchmod 2750 /var/lib/note\nsetcap cap_net_raw+ep /usr/bin/note\n',
    'usr/bin/note': '#!/bin/sh\necho note\n',
    'var/lib/note/text': 'a note\n',
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text, { mode: /postinst|bin/.test(name) ? 0o755 : 0o644 });
  }
  execFileSync('dpkg-deb', ['-b', '--root-owner-group', root, join(folder, 'note.deb')], { stdio: 'ignore' });
  return join(folder, 'note.deb');
}

describe.runIf(requireTools(...GUEST_NEEDS, ...USER_NEEDS, 'dpkg-deb', 'sgdisk'))(
  'a Debian guest, without root',
  () => {
    let user: OrdinaryUser;
    let disk: string;

    beforeAll(async () => {
      user = await OrdinaryUser.create();
      await run('cp', ['--sparse=always', await debianGuest(), user.at('disk.raw')]);
      disk = await user.give('disk.raw');
    }, 20 * MINUTE);

    afterAll(() => user.dispose());

    it(
      'gets a package by vmcraft run, whose scripts make a user; the file system is clean',
      async () => {
        const deb = localPackage(user.at('.'));
        const image = ['--image-format', 'raw'];
        const copied = await user.vmcraft(['copy-in', ...image, disk, deb, '/root']);
        expect(copied.status, copied.stderr).toBe(0);
        const installed = await user.vmcraft(['run', ...image, disk, '--', 'dpkg', '-i', '/root/note.deb']);
        expect(installed.status, installed.stderr).toBe(0);
        expect(installed.stdout).toContain('Setting up vmcraft-note (1.0)');
        expect(await traces(installed.pid)).toEqual([]);
        const start =
          512 * Number(/First sector: (\d+)/.exec(execFileSync('sgdisk', ['-i', '3', disk]).toString())?.[1]);
        await run('e2fsck', ['-fn', `${disk}?offset=${start}`]);
        const asked = (command: string) => run('debugfs', ['-R', command, `${disk}?offset=${start}`]);
        expect((await asked('stat /var/lib/note')).stdout).toMatch(/Mode: {2}02750/);
        expect((await asked('cat /etc/passwd')).stdout).toMatch(/^note:x:\d+/m);
        expect((await asked('ea_list /usr/bin/note')).stdout).toContain('security.capability');
        const told = await user.vmcraft([
          'run',
          ...image,
          '-m',
          ROOT_PARTITION.device,
          disk,
          '--',
          'getcap',
          '/usr/bin/note',
        ]);
        expect(told.stdout).toBe('/usr/bin/note cap_net_raw=ep\n');
      },
      10 * MINUTE,
    );
  },
);
