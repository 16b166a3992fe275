import { pattern, storageActivatorCompliance } from '@vmcraft/testkit';
import { describe, it } from 'vitest';
import { mdActivator } from '../src/index.js';
import { discover, fixtureMembers } from './support.js';

for (const name of [
  'linear-11',
  'raid0-12',
  'raid1-090',
  'raid4-12',
  'raid5-10',
  'raid6-left-symmetric',
  'raid10-f2-4',
]) {
  storageActivatorCompliance(
    { describe, it },
    {
      name,
      create: async () => {
        const devices = fixtureMembers(name);
        const content = pattern(100_000);
        const { array } = await discover(devices);
        await array.device.write(0, content);
        return {
          activator: mdActivator,
          devices,
          memberType: 'linux_raid_member',
          volumes: { '/dev/md127': content },
          writable: true,
        };
      },
    },
  );
}
