import { bytes, latin1, struct, u8, u16be, u32be, u64be } from '@vmcraft/core/binary';

/** All structures, big-endian: the Linux-NTFS project's "LDM documentation", and libldm where versions differ. */
export const SPECIFICATION = 'Linux-NTFS project, "LDM documentation"';

/** Where PRIVHEAD is on a disk with an MBR, sectors. */
export const MBR_PRIVHEAD = 6;
/** Sectors of the database that Windows makes, the last ones of a disk with an MBR, or the partition for metadata of one with GPT. */
export const DATABASE_SECTORS = 2048;
/** "Database Layout": copies of PRIVHEAD within the database, sectors. With GPT, the last one is the first that is read. */
export const PRIVHEAD_COPIES = [2047, 1856] as const;
/** Type of an MBR partition on a dynamic disk, and of the protective one of GPT. */
export const MbrType = { dynamic: 0x42, protective: 0xee } as const;

/** "PRIVHEAD". */
export const PrivHead = struct('PRIVHEAD', 512, {
  magic: [0, latin1(8)],
  major: [12, u16be],
  minor: [14, u16be],
  diskId: [48, latin1(64)],
  groupId: [176, latin1(64)],
  groupName: [240, latin1(32)],
  /** Sectors, as all places of this structure. */
  dataStart: [283, u64be],
  dataSize: [291, u64be],
  configStart: [299, u64be],
  configSize: [307, u64be],
});

const tocEntry = struct('TOCBLOCK entry', 34, { name: [0, latin1(8)], start: [10, u64be], size: [18, u64be] });
/** "Database Layout": copies of TOCBLOCK within the database, sectors; libldm reads the first of these. */
export const TOC_SECTORS = [2, 1, 2045, 2046] as const;
/** "TOCBLOCK". */
export const TocBlock = struct('TOCBLOCK', 104, {
  magic: [0, latin1(8)],
  first: [36, tocEntry],
  second: [70, tocEntry],
});

/** "VMDB". */
export const Vmdb = struct('VMDB', 189, {
  magic: [0, latin1(4)],
  vblkSize: [8, u32be],
  vblkOffset: [12, u32be],
  updateStatus: [16, u16be],
  major: [18, u16be],
  groupName: [22, latin1(31)],
  groupId: [53, latin1(64)],
  committedSequence: [117, u64be],
  volumes: [133, u32be],
  components: [137, u32be],
  partitions: [141, u32be],
  disks: [145, u32be],
});

/** "VBLK", the head of each piece of a record. */
export const VblkHead = struct('VBLK', 16, {
  magic: [0, latin1(4)],
  recordId: [8, u32be],
  index: [12, u16be],
  count: [14, u16be],
});
/** Head of each record; its type's upper half is the revision. */
export const RecordHead = struct('VBLK record', 8, {
  status: [0, u16be],
  flags: [2, u8],
  type: [3, u8],
  size: [4, u32be],
});
/** Types of records. */
export const RecordType = { blank: 0, volume: 1, component: 2, partition: 3, disk: 4, group: 5 } as const;
/** "Component": how its partitions make a volume. */
export const ComponentType = { striped: 1, spanned: 2, raid: 3 } as const;

/** A GUID as 16 bytes, in the order of its text. */
export const GUID = bytes(16);
