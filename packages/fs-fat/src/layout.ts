import { array, bytes, latin1, struct, u8, u16le, u32le } from '@vmcraft/core/binary';

/** BIOS parameter block common to FAT12, FAT16 and FAT32. Microsoft FAT specification 1.03 §3.1; ECMA-107 §9. */
export const BootSector = struct('BPB', 512, {
  jumpBoot: [0, bytes(3)],
  oemName: [3, latin1(8)],
  bytesPerSector: [11, u16le],
  sectorsPerCluster: [13, u8],
  reservedSectors: [14, u16le],
  numberOfFats: [16, u8],
  rootEntries: [17, u16le],
  totalSectors16: [19, u16le],
  media: [21, u8],
  fatSize16: [22, u16le],
  sectorsPerTrack: [24, u16le],
  heads: [26, u16le],
  hiddenSectors: [28, u32le],
  totalSectors32: [32, u32le],
  signature: [510, u16le],
});

/** Extended BPB of FAT12 and FAT16. Microsoft FAT specification 1.03 §3.2. */
export const ExtendedBpb16 = struct('BPB16', 62, {
  driveNumber: [36, u8],
  /** Reserved in the specification; bit 0 is the dirty mark that Windows NT and Linux keep here. */
  state: [37, u8],
  bootSignature: [38, u8],
  volumeId: [39, u32le],
  volumeLabel: [43, bytes(11)],
  fsType: [54, latin1(8)],
});

/** Extended BPB of FAT32. Microsoft FAT specification 1.03 §3.3. */
export const ExtendedBpb32 = struct('BPB32', 90, {
  fatSize32: [36, u32le],
  extFlags: [40, u16le],
  fsVersion: [42, u16le],
  rootCluster: [44, u32le],
  fsInfoSector: [48, u16le],
  backupBootSector: [50, u16le],
  driveNumber: [64, u8],
  state: [65, u8],
  bootSignature: [66, u8],
  volumeId: [67, u32le],
  volumeLabel: [71, bytes(11)],
  fsType: [82, latin1(8)],
});

/** FSInfo sector of FAT32. Microsoft FAT specification 1.03 §5. */
export const FsInfo = struct('FSInfo', 512, {
  leadSignature: [0, u32le],
  structSignature: [484, u32le],
  freeCount: [488, u32le],
  nextFree: [492, u32le],
  trailSignature: [508, u32le],
});

/** A short directory entry. Microsoft FAT specification 1.03 §6. */
export const ShortEntry = struct('DIR_Entry', 32, {
  name: [0, bytes(11)],
  attributes: [11, u8],
  caseFlags: [12, u8],
  createdTenth: [13, u8],
  createdTime: [14, u16le],
  createdDate: [16, u16le],
  accessedDate: [18, u16le],
  clusterHigh: [20, u16le],
  modifiedTime: [22, u16le],
  modifiedDate: [24, u16le],
  clusterLow: [26, u16le],
  size: [28, u32le],
});

/** One piece of a long name. Microsoft FAT specification 1.03 §7. */
export const LongEntry = struct('LDIR_Entry', 32, {
  order: [0, u8],
  name1: [1, array(u16le, 5)],
  attributes: [11, u8],
  type: [12, u8],
  checksum: [13, u8],
  name2: [14, array(u16le, 6)],
  clusterLow: [26, u16le],
  name3: [28, array(u16le, 2)],
});

/** Byte positions of the 13 UTF-16 units of a {@link LongEntry}. */
export const LONG_NAME_OFFSETS = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30] as const;

/** Bytes of a directory entry, FAT and exFAT alike. */
export const ENTRY_SIZE = 32;

/** File attributes. Microsoft FAT specification 1.03 §6; exFAT specification §7.4.4 uses the same bits. */
export const Attribute = {
  readOnly: 0x01,
  hidden: 0x02,
  system: 0x04,
  volumeId: 0x08,
  directory: 0x10,
  archive: 0x20,
  longName: 0x0f,
  longNameMask: 0x3f,
} as const;

/** First bytes of a short entry with a meaning of their own. Microsoft FAT specification 1.03 §6. */
export const EntryMark = { end: 0x00, kanjiE5: 0x05, deleted: 0xe5, dot: 0x2e } as const;

/** `caseFlags`: Windows NT keeps all-lower-case 8.3 names without a long entry. */
export const CaseFlag = { lowerBase: 0x08, lowerExtension: 0x10 } as const;

/** Long names. Microsoft FAT specification 1.03 §7. */
export const LongName = { lastPiece: 0x40, orderMask: 0x3f, unitsPerPiece: 13, maxPieces: 20, maxUnits: 255 } as const;

/** Signatures. Microsoft FAT specification 1.03 §3.1, §3.2 and §5. */
export const Signature = {
  boot: 0xaa55,
  extended: 0x29,
  extendedOld: 0x28,
  fsInfoLead: 0x41615252,
  fsInfoStruct: 0x61417272,
  fsInfoTrail: 0xaa550000,
} as const;

/** FSInfo value for "not known". Microsoft FAT specification 1.03 §5. */
export const FSINFO_UNKNOWN = 0xffffffff;

/** `extFlags` of FAT32. Microsoft FAT specification 1.03 §3.3. */
export const ExtFlag = { activeMask: 0x000f, noMirror: 0x0080 } as const;

/** Bit 0 of the boot sector's state byte: mounted, or not cleanly unmounted. */
export const STATE_DIRTY = 0x01;

/** Below these counts of clusters a volume is FAT12, FAT16. Microsoft FAT specification 1.03 §3.5. */
export const CLUSTERS_FAT12 = 4085;
export const CLUSTERS_FAT16 = 65525;
/** Clusters that FAT32's 28 bits can number. Microsoft FAT specification 1.03 §4. */
export const CLUSTERS_FAT32 = 0x0ffffff5;

/** Cluster numbers start here: entries 0 and 1 of a FAT are reserved. */
export const FIRST_CLUSTER = 2;

/** Slots a FAT directory may have. Microsoft FAT specification 1.03 §6: 2 MiB. */
export const MAX_FAT_DIR_SLOTS = 65536;
/** Largest FAT file, bytes. Microsoft FAT specification 1.03 §6. */
export const MAX_FAT_FILE = 0xffffffff;
