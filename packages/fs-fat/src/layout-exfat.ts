import { array, bytes, guid, latin1, struct, u8, u16le, u32le, u64le } from '@vmcraft/core/binary';

/** Main boot sector. exFAT specification 1.00 §3.1. */
export const ExfatBootSector = struct('exFAT.bootSector', 512, {
  jumpBoot: [0, bytes(3)],
  fileSystemName: [3, latin1(8)],
  mustBeZero: [11, bytes(53)],
  partitionOffset: [64, u64le],
  volumeLength: [72, u64le],
  fatOffset: [80, u32le],
  fatLength: [84, u32le],
  clusterHeapOffset: [88, u32le],
  clusterCount: [92, u32le],
  rootCluster: [96, u32le],
  serialNumber: [100, u32le],
  revision: [104, u16le],
  volumeFlags: [106, u16le],
  bytesPerSectorShift: [108, u8],
  sectorsPerClusterShift: [109, u8],
  numberOfFats: [110, u8],
  driveSelect: [111, u8],
  percentInUse: [112, u8],
  bootSignature: [510, u16le],
});

/** Allocation bitmap entry. exFAT specification §7.1. */
export const BitmapEntry = struct('exFAT.allocationBitmap', 32, {
  type: [0, u8],
  flags: [1, u8],
  firstCluster: [20, u32le],
  dataLength: [24, u64le],
});

/** Up-case table entry. exFAT specification §7.2. */
export const UpcaseEntry = struct('exFAT.upcaseTable', 32, {
  type: [0, u8],
  checksum: [4, u32le],
  firstCluster: [20, u32le],
  dataLength: [24, u64le],
});

/** Volume label entry. exFAT specification §7.3. */
export const LabelEntry = struct('exFAT.volumeLabel', 32, {
  type: [0, u8],
  characterCount: [1, u8],
  label: [2, array(u16le, 11)],
});

/** File entry, the primary of a file's set. exFAT specification §7.4. */
export const FileEntry = struct('exFAT.file', 32, {
  type: [0, u8],
  secondaryCount: [1, u8],
  setChecksum: [2, u16le],
  attributes: [4, u16le],
  created: [8, u32le],
  modified: [12, u32le],
  accessed: [16, u32le],
  created10: [20, u8],
  modified10: [21, u8],
  createdZone: [22, u8],
  modifiedZone: [23, u8],
  accessedZone: [24, u8],
});

/** Volume GUID entry. exFAT specification §7.5. */
export const GuidEntry = struct('exFAT.volumeGuid', 32, {
  type: [0, u8],
  secondaryCount: [1, u8],
  setChecksum: [2, u16le],
  flags: [4, u16le],
  guid: [6, guid],
});

/** Stream extension entry. exFAT specification §7.6. */
export const StreamEntry = struct('exFAT.streamExtension', 32, {
  type: [0, u8],
  flags: [1, u8],
  nameLength: [3, u8],
  nameHash: [4, u16le],
  validDataLength: [8, u64le],
  firstCluster: [20, u32le],
  dataLength: [24, u64le],
});

/** Fields that every secondary entry has. exFAT specification §6.4. */
export const GenericSecondary = struct('exFAT.genericSecondary', 32, {
  type: [0, u8],
  flags: [1, u8],
  firstCluster: [20, u32le],
  dataLength: [24, u64le],
});

/** Entry types. exFAT specification §7 table 17. */
export const EntryType = {
  end: 0x00,
  bitmap: 0x81,
  upcase: 0x82,
  label: 0x83,
  file: 0x85,
  guid: 0xa0,
  texFat: 0xa1,
  stream: 0xc0,
  name: 0xc1,
  vendor: 0xe0,
  vendorAllocation: 0xe1,
} as const;

/** Bits of an entry type. exFAT specification §6.2.1. */
export const TypeBit = { inUse: 0x80, secondary: 0x40, benign: 0x20 } as const;

/** GeneralSecondaryFlags. exFAT specification §6.4.2. */
export const SecondaryFlag = { allocationPossible: 0x01, noFatChain: 0x02 } as const;

/** VolumeFlags. exFAT specification §3.1.13. */
export const VolumeFlag = { activeFat: 0x01, dirty: 0x02, mediaFailure: 0x04, clearToZero: 0x08 } as const;

/** Text that names the file system. exFAT specification §3.1.2. */
export const EXFAT_NAME = 'EXFAT   ';
/** ExtendedBootSignature. exFAT specification §3.2.2. */
export const EXTENDED_BOOT_SIGNATURE = 0xaa550000;
/** Sectors of a boot region: boot sector, 8 extended, OEM, reserved, checksum. exFAT specification §3. */
export const BOOT_REGION_SECTORS = 12;
/** Offsets in the boot sector that change without a new checksum: VolumeFlags, PercentInUse. exFAT specification §3.4. */
export const CHECKSUM_SKIPS: readonly number[] = [106, 107, 112];
/** Shifts of exFAT specification §3.1.14 and §3.1.15: 512..4096 bytes, clusters up to 32 MiB. */
export const SHIFT = { minSector: 9, maxSector: 12, maxCluster: 25 } as const;
/** Most clusters. exFAT specification §3.1.9. */
export const MAX_EXFAT_CLUSTERS = 0xfffffff5;
/** Largest directory, bytes. exFAT specification §7.4: 256 MiB. */
export const MAX_EXFAT_DIR_BYTES = 256 * 1024 * 1024;
/** UTF-16 units in one file name entry. exFAT specification §7.7. */
export const NAME_UNITS_PER_ENTRY = 15;
/** Longest name, UTF-16 units. exFAT specification §7.6.3. */
export const MAX_NAME_UNITS = 255;
/** Longest label, UTF-16 units. exFAT specification §7.3.2. */
export const MAX_LABEL_UNITS = 11;
/** Most bytes an up-case table takes: one unit for each of 65536 characters. exFAT specification §7.2. */
export const MAX_UPCASE_BYTES = 131072;
/** OffsetValid bit of the UTC offset fields; the low 7 bits are signed quarters of an hour. exFAT specification §7.4.10. */
export const ZONE_VALID = 0x80;
/** Attributes of exFAT are 16 bits of which these exist. exFAT specification §7.4.4. */
export const EXFAT_ATTRIBUTES = 0x37;
/** PercentInUse when not known. exFAT specification §3.1.18. */
export const PERCENT_UNKNOWN = 0xff;
