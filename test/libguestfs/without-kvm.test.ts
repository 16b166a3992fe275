import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { APPLIANCE_TIME, hasAppliance } from '../backends/appliance.js';
import { makeGuestDisk } from '../backends/guest-disk.js';

describe.runIf(hasAppliance() && requireTools('mkfs.ext4'))('the appliance, when nobody says how to run it', () => {
  const settings = process.env.LIBGUESTFS_BACKEND_SETTINGS;
  let disk: ReturnType<typeof makeGuestDisk>;
  beforeAll(() => {
    delete process.env.LIBGUESTFS_BACKEND_SETTINGS;
    disk = makeGuestDisk();
  });
  afterAll(() => {
    process.env.LIBGUESTFS_BACKEND_SETTINGS = settings;
    disk.dispose();
  });

  it(
    'starts with KVM, without, and where there is a KVM that does not work',
    async () => {
      const g = await GuestFS.open(disk.copy('plain.raw'), { format: 'raw', backend: 'libguestfs', readonly: true });
      await g.mountRo('/dev/sda1', '/');
      expect(await g.ls('/')).toContain('lost+found');
      await g.close();
    },
    APPLIANCE_TIME,
  );
});
