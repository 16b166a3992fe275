import { type Ability, definePlugin } from '@vmcraft/core/contracts';

const READ_WRITE = ['read', 'write', 'xattr'] as const;
const NEEDS = [
  'Linux',
  'python3',
  'util-linux',
  'kernel nbd or qemu-storage-daemon and FUSE',
  'root or user namespaces',
];
const TYPES = 'ext2 ext3 ext4 xfs btrfs f2fs jfs nilfs2 reiserfs hfsplus vfat exfat ntfs'.split(' ');
const READ_ONLY = 'udf erofs'.split(' ');

const supports: Record<string, readonly Ability[]> = {
  ...Object.fromEntries(TYPES.map((type) => [type, READ_WRITE])),
  zfs_member: ['read', 'write'],
  ...Object.fromEntries(READ_ONLY.map((type) => [type, ['read'] as const])),
};

/** What this host's kernel and its FUSE drivers mount, and programs of the guest. */
export const plugin = definePlugin({
  name: '@vmcraft/fs-host',
  apiVersion: 1,
  providers: [
    {
      kind: 'filesystem',
      name: 'host',
      summary: 'file systems mounted by this host, in a namespace of their own',
      rank: 20,
      capabilities: { supports, hostRequirements: NEEDS },
      load: async () => new (await import('./driver.js')).HostFsDriver(),
    },
    {
      kind: 'runner',
      name: 'host',
      summary: 'commands of the guest, in namespaces of their own',
      rank: 50,
      capabilities: { supports: { linux: ['exec'] }, hostRequirements: NEEDS },
      load: async () => new (await import('./runner.js')).HostRunner(),
    },
  ],
});
