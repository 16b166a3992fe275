/** Names of the guestfs functions in the themes whose tests ask that each is called. */
export const THEME_NAMES: Readonly<Record<string, readonly string[]>> = {
  'block-device': `blkid blockdev_flushbufs blockdev_getbsz blockdev_getro blockdev_getsize64 blockdev_getss
    blockdev_getsz blockdev_setbsz blockdev_setra blockdev_setro blockdev_setrw canonical_device_name
    copy_device_to_device copy_device_to_file copy_file_to_device copy_size dd device_index device_name
    is_whole_device list_devices list_disk_labels list_dm_devices max_disks nr_devices pread_device
    pwrite_device wipefs`.split(/\s+/),
  partition: `blockdev_rereadpt list_partitions part_add part_del part_disk part_expand_gpt part_get_bootable
    part_get_disk_guid part_get_gpt_attributes part_get_gpt_guid part_get_gpt_type part_get_mbr_id
    part_get_mbr_part_type part_get_name part_get_parttype part_init part_list part_resize
    part_set_bootable part_set_disk_guid part_set_disk_guid_random part_set_gpt_attributes
    part_set_gpt_guid part_set_gpt_type part_set_mbr_id part_set_name part_to_dev part_to_partnum sfdisk
    sfdiskM sfdisk_N sfdisk_disk_geometry sfdisk_kernel_geometry sfdisk_l`.split(/\s+/),
  filesystem: `df df_h du filesystem_available fill_dir findfs_label findfs_partlabel findfs_partuuid findfs_uuid
    fsck isoinfo isoinfo_device list_9p list_filesystems mkfs mkfs_b set_label set_uuid set_uuid_random
    statvfs vfs_label vfs_minimum_size vfs_type vfs_uuid`.split(/\s+/),
  'zero-discard': `blkdiscard blkdiscardzeroes fstrim is_zero is_zero_device zero zero_device zero_free_space`.split(
    /\s+/,
  ),
  e2fs: `e2fsck e2fsck_f get_e2attrs get_e2generation get_e2label get_e2uuid mke2fs mke2fs_J mke2fs_JL
    mke2fs_JU mke2journal mke2journal_L mke2journal_U mklost_and_found resize2fs resize2fs_M
    resize2fs_size set_e2attrs set_e2generation set_e2label set_e2uuid tune2fs tune2fs_l zerofree`.split(/\s+/),
};
