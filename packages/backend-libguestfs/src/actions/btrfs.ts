import {
  arg,
  Bool,
  Device,
  Int,
  Int64,
  Mountable_or_Path,
  Pathname,
  PlainString,
  StringList,
} from '@vmcraft/core/guest';
import { outside } from './outside.js';

/** Functions for Btrfs, as guestfs(3) describes them. */
export const btrfsActions = [
  outside({ name: 'btrfs_balance_cancel', theme: 'btrfs', group: 'btrfs' }, [arg('path', Pathname)], 'void'),
  outside({ name: 'btrfs_balance_pause', theme: 'btrfs', group: 'btrfs' }, [arg('path', Pathname)], 'void'),
  outside({ name: 'btrfs_balance_resume', theme: 'btrfs', group: 'btrfs' }, [arg('path', Pathname)], 'void'),
  outside({ name: 'btrfs_balance_status', theme: 'btrfs', group: 'btrfs' }, [arg('path', Pathname)], {
    struct: 'btrfsbalance',
  }),
  outside(
    { name: 'btrfs_device_add', theme: 'btrfs', group: 'btrfs' },
    [arg('devices', StringList(Device)), arg('fs', Pathname)],
    'void',
  ),
  outside(
    { name: 'btrfs_device_delete', theme: 'btrfs', group: 'btrfs' },
    [arg('devices', StringList(Device)), arg('fs', Pathname)],
    'void',
  ),
  outside(
    { name: 'btrfs_filesystem_balance', aliases: ['btrfs-balance'], theme: 'btrfs', group: 'btrfs' },
    [arg('fs', Pathname)],
    'void',
  ),
  outside({ name: 'btrfs_filesystem_defragment', theme: 'btrfs', group: 'btrfs' }, [arg('path', Pathname)], 'void', {
    flush: Bool,
    compress: PlainString,
  }),
  outside({ name: 'btrfs_filesystem_resize', theme: 'btrfs', group: 'btrfs' }, [arg('mountpoint', Pathname)], 'void', {
    size: Int64,
  }),
  outside({ name: 'btrfs_filesystem_show', theme: 'btrfs', group: 'btrfs' }, [arg('device', Device)], 'RStringList'),
  outside({ name: 'btrfs_filesystem_sync', theme: 'btrfs', group: 'btrfs' }, [arg('fs', Pathname)], 'void'),
  outside(
    { name: 'btrfs_fsck', theme: 'btrfs', group: 'btrfs', deprecatedBy: 'btrfs_scrub_full' },
    [arg('device', Device)],
    'void',
    { superblock: Int64, repair: Bool },
  ),
  outside(
    { name: 'btrfs_image', theme: 'btrfs', group: 'btrfs' },
    [arg('source', StringList(Device)), arg('image', Pathname)],
    'void',
    { compresslevel: Int },
  ),
  outside(
    { name: 'btrfs_qgroup_assign', theme: 'btrfs', group: 'btrfs' },
    [arg('src', PlainString), arg('dst', PlainString), arg('path', Pathname)],
    'void',
  ),
  outside(
    { name: 'btrfs_qgroup_create', theme: 'btrfs', group: 'btrfs' },
    [arg('qgroupid', PlainString), arg('subvolume', Pathname)],
    'void',
  ),
  outside(
    { name: 'btrfs_qgroup_destroy', theme: 'btrfs', group: 'btrfs' },
    [arg('qgroupid', PlainString), arg('subvolume', Pathname)],
    'void',
  ),
  outside(
    { name: 'btrfs_qgroup_limit', theme: 'btrfs', group: 'btrfs' },
    [arg('subvolume', Pathname), arg('size', Int64)],
    'void',
  ),
  outside(
    { name: 'btrfs_qgroup_remove', theme: 'btrfs', group: 'btrfs' },
    [arg('src', PlainString), arg('dst', PlainString), arg('path', Pathname)],
    'void',
  ),
  outside({ name: 'btrfs_qgroup_show', theme: 'btrfs', group: 'btrfs' }, [arg('path', Pathname)], {
    structList: 'btrfsqgroup',
  }),
  outside(
    { name: 'btrfs_quota_enable', theme: 'btrfs', group: 'btrfs' },
    [arg('fs', Mountable_or_Path), arg('enable', Bool)],
    'void',
  ),
  outside({ name: 'btrfs_quota_rescan', theme: 'btrfs', group: 'btrfs' }, [arg('fs', Mountable_or_Path)], 'void'),
  outside(
    { name: 'btrfs_replace', theme: 'btrfs', group: 'btrfs' },
    [arg('srcdev', Device), arg('targetdev', Device), arg('mntpoint', Pathname)],
    'void',
  ),
  outside({ name: 'btrfs_rescue_chunk_recover', theme: 'btrfs', group: 'btrfs' }, [arg('device', Device)], 'void'),
  outside({ name: 'btrfs_rescue_super_recover', theme: 'btrfs', group: 'btrfs' }, [arg('device', Device)], 'void'),
  outside({ name: 'btrfs_scrub_cancel', theme: 'btrfs', group: 'btrfs' }, [arg('path', Pathname)], 'void'),
  outside({ name: 'btrfs_scrub_full', theme: 'btrfs', group: 'btrfs' }, [arg('path', Pathname)], 'void', {
    readonly: Bool,
  }),
  outside({ name: 'btrfs_scrub_resume', theme: 'btrfs', group: 'btrfs' }, [arg('path', Pathname)], 'void'),
  outside({ name: 'btrfs_scrub_start', theme: 'btrfs', group: 'btrfs' }, [arg('path', Pathname)], 'void'),
  outside({ name: 'btrfs_scrub_status', theme: 'btrfs', group: 'btrfs' }, [arg('path', Pathname)], {
    struct: 'btrfsscrub',
  }),
  outside(
    { name: 'btrfs_set_seeding', theme: 'btrfs', group: 'btrfs' },
    [arg('device', Device), arg('seeding', Bool)],
    'void',
  ),
  outside({ name: 'btrfs_subvolume_create', theme: 'btrfs', group: 'btrfs' }, [arg('dest', Pathname)], 'void', {
    qgroupid: PlainString,
  }),
  outside({ name: 'btrfs_subvolume_delete', theme: 'btrfs', group: 'btrfs' }, [arg('subvolume', Pathname)], 'void'),
  outside(
    { name: 'btrfs_subvolume_get_default', theme: 'btrfs', group: 'btrfs' },
    [arg('fs', Mountable_or_Path)],
    'RInt64',
  ),
  outside({ name: 'btrfs_subvolume_list', theme: 'btrfs', group: 'btrfs' }, [arg('fs', Mountable_or_Path)], {
    structList: 'btrfssubvolume',
  }),
  outside(
    { name: 'btrfs_subvolume_set_default', theme: 'btrfs', group: 'btrfs' },
    [arg('id', Int64), arg('fs', Pathname)],
    'void',
  ),
  outside({ name: 'btrfs_subvolume_show', theme: 'btrfs', group: 'btrfs' }, [arg('subvolume', Pathname)], 'RHashtable'),
  outside(
    { name: 'btrfs_subvolume_snapshot', theme: 'btrfs', group: 'btrfs' },
    [arg('source', Pathname), arg('dest', Pathname)],
    'void',
    { ro: Bool, qgroupid: PlainString },
  ),
  outside(
    { name: 'btrfstune_enable_extended_inode_refs', theme: 'btrfs', group: 'btrfs' },
    [arg('device', Device)],
    'void',
  ),
  outside(
    { name: 'btrfstune_enable_skinny_metadata_extent_refs', theme: 'btrfs', group: 'btrfs' },
    [arg('device', Device)],
    'void',
  ),
  outside(
    { name: 'btrfstune_seeding', theme: 'btrfs', group: 'btrfs' },
    [arg('device', Device), arg('seeding', Bool)],
    'void',
  ),
  outside({ name: 'mkfs_btrfs', theme: 'btrfs', group: 'btrfs' }, [arg('devices', StringList(Device))], 'void', {
    allocstart: Int64,
    bytecount: Int64,
    datatype: PlainString,
    leafsize: Int,
    label: PlainString,
    metadata: PlainString,
    nodesize: Int,
    sectorsize: Int,
  }),
] as const;
