import { guid, latin1, struct, u32le, u64le } from '@vmcraft/core/binary';

/*
 * Data of SYSTEM\MountedDevices. Microsoft documents that the mount manager keeps the unique id that the device gives
 * (IOCTL_MOUNTDEV_QUERY_UNIQUE_ID); these are the ids of the partition manager.
 */

/** A partition of an MBR disk. */
export const MbrUniqueId = struct('MountedDevices.Mbr', 12, { signature: [0, u32le], offset: [4, u64le] });
/** A partition of a GPT disk. */
export const GptUniqueId = struct('MountedDevices.Gpt', 24, { prefix: [0, latin1(8)], guid: [8, guid] });
export const GPT_PREFIX = 'DMIO:ID:';

/*
 * Element data of a boot configuration that names a device: BCD_DEVICE_DATA, 16 bytes of options and BL_DEVICE_DESCRIPTOR.
 */

/** Head of a device element. `size` counts from itself's structure on. */
export const BootDevice = struct('BcdDevice', 0x20, { type: [0x10, u32le], size: [0x18, u32le] });
/** A partition, from the end of the head on: on GPT disks `partition` is its GUID, on MBR disks it begins with the offset in bytes. */
export const BootPartition = struct(
  'BcdPartition',
  0x28,
  { partition: [0, guid], offset: [0, u64le], tableType: [0x14, u32le], disk: [0x18, guid], signature: [0x18, u32le] },
  { unions: ['partition', 'offset', 'disk', 'signature'] },
);
/** Types of device: one that is a partition. */
export const DEVICE_TYPE_PARTITION = 6;
/** Types of partition table. */
export const TABLE_GPT = 0;
export const TABLE_MBR = 1;
