import { definePlugin } from '@vmcraft/core';

const READ_WRITE = ['read', 'write', 'xattr'] as const;

/** What a Linux appliance mounts, as blkid names it. */
const types =
  `btrfs exfat ext2 ext3 ext4 f2fs hfs hfsplus iso9660 jfs minix nilfs2 ntfs reiserfs squashfs udf ufs vfat xfs`.split(
    ' ',
  );
const READ_ONLY = ['iso9660', 'squashfs', 'ufs'];

/** Descriptor of this package: libguestfs, where nothing lighter will do. */
export const plugin = definePlugin({
  name: '@vmcraft/backend-libguestfs',
  apiVersion: 1,
  providers: [
    {
      kind: 'filesystem',
      name: 'libguestfs',
      summary: 'whatever the appliance of libguestfs mounts, on the disks of the session',
      rank: 10,
      capabilities: {
        supports: Object.fromEntries(types.map((t) => [t, READ_ONLY.includes(t) ? ['read', 'xattr'] : READ_WRITE])),
        hostRequirements: ['libguestfs', 'its Perl binding'],
      },
      load: async () => new (await import('./driver.js')).ApplianceDriver(),
    },
    {
      kind: 'actions',
      name: 'libguestfs-actions',
      summary: 'functions of guestfs that nothing here serves, in the appliance of libguestfs',
      rank: 10,
      fallback: true,
      capabilities: { supports: { '*': ['exec'] }, hostRequirements: ['libguestfs', 'its Perl binding'] },
      load: async () => (await import('./actions/index.js')).applianceActions,
    },
  ],
});
