/** Types that the Linux kernel mounts and no driver here opens. */
const KERNEL_TYPES: ReadonlySet<string> = new Set([
  ...[
    'adfs',
    'affs',
    'befs',
    'bfs',
    'cramfs',
    'efs',
    'erofs',
    'f2fs',
    'gfs2',
    'hfs',
    'hfsplus',
    'hpfs',
    'jfs',
    'minix',
    'nilfs2',
  ],
  ...[
    'ocfs2',
    'omfs',
    'reiserfs',
    'romfs',
    'squashfs3',
    'sysv',
    'xenix',
    'ubifs',
    'udf',
    'ufs',
    'vxfs',
    'zonefs',
    'bcachefs',
    'btrfs',
  ],
  ...['xfs', 'iso9660', 'squashfs', 'ext2', 'ext3', 'ext4', 'ntfs', 'vfat', 'exfat'],
]);
/** Types that something else makes use of. */
const OTHERS: Readonly<Record<string, string>> = {
  apfs: 'apfs-fuse reads it on a host',
  bcache: 'its volume comes up on a host with make-bcache and the bcache module',
  BitLocker: 'unlock it first: @vmcraft/storage-bitlocker, and a key with --key',
  ceph_bluestore: 'only Ceph reads its own devices',
  crypto_LUKS: 'unlock it first: a key with --key, or the action cryptsetup-open',
  DM_integrity: 'it comes up with integritysetup on a host',
  DM_verity_hash: 'these are the hashes of another device',
  drbd: 'a replicated device: bring it up with drbdadm on a host',
  jbd: 'this is the journal of another file system',
  LDM_member: 'its volumes come up with @vmcraft/storage-ldm',
  linux_raid_member: 'its array comes up with @vmcraft/storage-mdraid when all of its disks are given',
  LVM2_member: 'its volumes come up with @vmcraft/storage-lvm when all of its disks are given',
  LVM1_member: 'vgconvert of an old lvm2 makes it readable',
  ReFS: 'only Windows reads it',
  swap: 'this is swap space, not a file system',
  swsuspend: 'this is the memory of a hibernated system, not a file system',
  VMFS: 'vmfs-tools and vmfs6-tools read it on a host',
  VMFS_volume_member: 'vmfs-tools and vmfs6-tools read it on a host',
  xfs_external_log: 'this is the log of another file system',
  zfs_member: 'zfs-fuse imports pools up to version 23 with @vmcraft/fs-host; import newer ones on a host with OpenZFS',
};

/** What could open a type that no driver here opens; undefined when nothing is known of it. */
export function otherReader(type: string): string | undefined {
  if (Object.hasOwn(OTHERS, type)) return OTHERS[type];
  if (type.endsWith('_raid_member'))
    return 'a member of an array of a disk controller: give all disks to the host and use dmraid';
  if (!KERNEL_TYPES.has(type)) return undefined;
  return 'a kernel mounts it: that of the host with @vmcraft/fs-host, or an appliance with @vmcraft/backend-libguestfs';
}
