// Commands of a guest for somebody who is not root, on a host without user namespaces: the appliance runs them.
import { copyFileSync } from 'node:fs';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OrdinaryUser, USER_NEEDS, type UserHost } from '../../packages/fs-host/test/ordinary-user.js';
import { GUEST_NEEDS, smallGuest } from '../../packages/fs-host/test/small-guest.js';
import { run } from '../../packages/fs-host/test/support.js';
import { APPLIANCE_TIME, hasAppliance } from '../backends/appliance.js';

describe.runIf(hasAppliance() && requireTools(...USER_NEEDS, ...GUEST_NEEDS))(
  'without root and user namespaces',
  () => {
    let user: OrdinaryUser;
    let disk: string;
    let host: UserHost;

    beforeAll(async () => {
      const image = await smallGuest(false);
      user = await OrdinaryUser.create();
      copyFileSync(image.path, user.at('disk.raw'));
      disk = await user.give('disk.raw');
      await image.dispose();
      host = {
        without: ['/usr/bin/newuidmap'],
        env: {
          LIBGUESTFS_BACKEND: 'direct',
          LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg',
          LIBGUESTFS_CACHEDIR: user.at('.'),
          PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
        },
      };
    });
    afterAll(() => user.dispose());

    it(
      'a command runs in the appliance, with its output, errors and status, and its variables; the choice is told',
      async () => {
        const script =
          'echo out; echo err >&2; echo "$COLOUR"; echo changed > /etc/motd; printf "\\\\0\\\\377"; exit 7';
        const words = ['run', disk, '--image-format', 'raw', '-m', '/dev/sda', '--keep', '--verbose'];
        const result = await user.vmcraft([...words, '--env', 'COLOUR=blue', '--', 'sh', '-c', script], host);
        expect(result.status, result.stderr).toBe(7);
        expect(result.stdout).toMatch(/^out\nblue\n\0/);
        expect(result.stderr).toMatch(/^err$/m);
        expect(result.stderr).toMatch(
          /command: actions libguestfs: nothing in this process serves it; libguestfs [\d.]+ does/,
        );
        await run('e2fsck', ['-fn', disk]);
        expect((await run('debugfs', ['-R', 'cat /etc/motd', disk])).stdout).toBe('changed\n');
        expect((await run('debugfs', ['-R', 'ls -p /tmp', disk])).stdout).not.toContain('vmcraft');
      },
      APPLIANCE_TIME,
    );

    it('what only this host can keep is refused, not left out', async () => {
      const words = ['run', disk, '--image-format', 'raw', '-m', '/dev/sda', '--memory-limit', '100M', '--', 'true'];
      const { status, stderr } = await user.vmcraft(words, host);
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/needs newuidmap.*an appliance would run it, but without memoryLimit/s);
      const shell = ['-a', disk, '-m', '/dev/sda', 'sh', 'true', 'timeout:5'];
      expect((await user.vmcraft(['--format=raw', '--rw', ...shell], host)).stderr).toMatch(
        /libguestfs has no capability 'sh with timeout'/,
      );
    });
  },
);
