import { array, bytes, struct, u8, u16le, u32le } from '../binary/index.js';

/** Bytes of a boot record, whatever the sector size of the disk. */
export const MBR_SIZE = 512;
/** Last two bytes of a boot record. */
export const MBR_SIGNATURE = 0xaa55;
/** Value of `bootIndicator` of the active partition; all others have 0. */
export const BOOT_ACTIVE = 0x80;
/** Slots in a boot record. */
export const MBR_SLOTS = 4;
/** Number of the first logical partition. */
export const FIRST_LOGICAL = 5;
/** Addresses and sizes are 32-bit counts of sectors. */
export const MBR_MAX_SECTORS = 2 ** 32 - 1;

/** Partition types with a meaning to the reader (UEFI 2.10 table 5-3 names 0xee and 0xef; the others are long-standing practice). */
export const MBR_TYPE = {
  empty: 0x00,
  extendedChs: 0x05,
  extendedLba: 0x0f,
  linuxExtended: 0x85,
  linux: 0x83,
  freebsd: 0xa5,
  openbsd: 0xa6,
  netbsd: 0xa9,
  gptProtective: 0xee,
  efiSystem: 0xef,
} as const;

/** UEFI 2.10 section 5.2.1, table 5-2: Legacy MBR Partition Record. */
export const MbrPartitionRecord = struct('MbrPartitionRecord', 16, {
  bootIndicator: [0, u8],
  startingChs: [1, bytes(3)],
  osType: [4, u8],
  endingChs: [5, bytes(3)],
  startingLba: [8, u32le],
  sizeInLba: [12, u32le],
});
export type MbrPartitionRecord = ReturnType<typeof MbrPartitionRecord.decode>;

/** UEFI 2.10 section 5.2.1, table 5-1: Legacy MBR. An EBR has the same form and uses the first two records. */
export const MasterBootRecord = struct('MasterBootRecord', MBR_SIZE, {
  bootCode: [0, bytes(440)],
  uniqueMbrSignature: [440, u32le],
  unknown: [444, u16le],
  partitionRecord: [446, array(MbrPartitionRecord, MBR_SLOTS)],
  signature: [510, u16le],
});

/** Whether a type byte stands for a partition that holds a chain of EBRs. */
export function isExtendedType(osType: number): boolean {
  return osType === MBR_TYPE.extendedChs || osType === MBR_TYPE.extendedLba || osType === MBR_TYPE.linuxExtended;
}
