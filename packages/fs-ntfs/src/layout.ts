/**
 * Structures of NTFS 3.0 and 3.1. Sources: the Linux-NTFS project's documentation of NTFS ("Linux-NTFS" below, by its page
 * names), and Microsoft's published [MS-FSCC] for what also crosses an interface. All integers are little-endian.
 */
import { bytes, latin1, struct, u8, u16le, u32le, u64le } from '@vmcraft/core/binary';

/** Boot sector, Linux-NTFS "$Boot". */
export const bootSector = struct('NTFS boot sector', 512, {
  oemId: [3, latin1(8)],
  sectorSize: [11, u16le],
  /** Up to 0x80 a count; above, 2 to the power of 256 less the value. */
  sectorsPerCluster: [13, u8],
  mediaDescriptor: [21, u8],
  sectorsPerTrack: [24, u16le],
  heads: [26, u16le],
  hiddenSectors: [28, u32le],
  totalSectors: [40, u64le],
  mftLcn: [48, u64le],
  mftMirrorLcn: [56, u64le],
  /** Positive: clusters; negative as a signed byte: 2 to the power of its absolute value, in bytes. */
  clustersPerRecord: [64, u8],
  clustersPerIndexBlock: [68, u8],
  serial: [72, u64le],
  signature: [510, u16le],
});

export const NTFS_OEM_ID = 'NTFS    ';

/** Unit of the update sequence array, whatever the sector size: Linux-NTFS "Fixup". */
export const FIXUP_STRIDE = 512;

/** Header of a record protected by fixups. */
export const multiSectorHeader = struct('NTFS multi-sector header', 8, {
  magic: [0, u32le],
  usaOffset: [4, u16le],
  usaCount: [6, u16le],
});

/** Magic numbers of protected records, as little-endian integers. */
export const Magic = {
  file: 0x454c4946,
  index: 0x58444e49,
  restart: 0x52545352,
  logRecord: 0x44524352,
  checked: 0x444b4843,
  bad: 0x44414142,
} as const;

/** FILE record, Linux-NTFS "FILE Record". `recordNumber` only from 3.1 on. */
export const fileRecord = struct('FILE record', 48, {
  magic: [0, u32le],
  usaOffset: [4, u16le],
  usaCount: [6, u16le],
  lsn: [8, u64le],
  sequence: [16, u16le],
  linkCount: [18, u16le],
  attributesOffset: [20, u16le],
  flags: [22, u16le],
  bytesInUse: [24, u32le],
  bytesAllocated: [28, u32le],
  baseRecord: [32, u64le],
  nextInstance: [40, u16le],
  recordNumber: [44, u32le],
});

/** Offset of the update sequence array in records of NTFS 3.0 and 3.1. */
export const USA_OFFSET_30 = 42;
export const USA_OFFSET_31 = 48;

export const RecordFlag = { inUse: 1, directory: 2, extend: 4, viewIndex: 8 } as const;

/** Records with fixed numbers, Linux-NTFS "System Files". */
export const SystemFile = {
  mft: 0,
  mftMirror: 1,
  logFile: 2,
  volume: 3,
  attrDef: 4,
  root: 5,
  bitmap: 6,
  boot: 7,
  badClusters: 8,
  secure: 9,
  upcase: 10,
  extend: 11,
} as const;

/** First record of ordinary files; below are system files and records kept for the growth of $MFT. */
export const FIRST_USER_RECORD = 24;
/** First of the records kept for the growth of $MFT. */
export const FIRST_RESERVED_RECORD = 16;

/** Attribute types, Linux-NTFS "Attributes". */
export const AttributeType = {
  standardInformation: 0x10,
  attributeList: 0x20,
  fileName: 0x30,
  objectId: 0x40,
  securityDescriptor: 0x50,
  volumeName: 0x60,
  volumeInformation: 0x70,
  data: 0x80,
  indexRoot: 0x90,
  indexAllocation: 0xa0,
  bitmap: 0xb0,
  reparsePoint: 0xc0,
  eaInformation: 0xd0,
  ea: 0xe0,
  loggedUtilityStream: 0x100,
  end: 0xffffffff,
} as const;

/** What both kinds of attribute header begin with, Linux-NTFS "Attribute Header". */
export const attributeHeader = struct('attribute header', 16, {
  type: [0, u32le],
  length: [4, u32le],
  nonResident: [8, u8],
  nameLength: [9, u8],
  nameOffset: [10, u16le],
  flags: [12, u16le],
  instance: [14, u16le],
});

export const residentHeader = struct('resident attribute header', 24, {
  valueLength: [16, u32le],
  valueOffset: [20, u16le],
  indexedFlag: [22, u8],
});

/** `compressedSize` is there only in sparse and compressed attributes, in the extent that begins at VCN 0. */
export const nonResidentHeader = struct('non-resident attribute header', 72, {
  lowestVcn: [16, u64le],
  highestVcn: [24, u64le],
  mappingPairsOffset: [32, u16le],
  compressionUnit: [34, u8],
  allocatedSize: [40, u64le],
  dataSize: [48, u64le],
  initializedSize: [56, u64le],
  compressedSize: [64, u64le],
});

export const RESIDENT_HEADER_SIZE = 24;
export const NON_RESIDENT_HEADER_SIZE = 64;
export const SPARSE_HEADER_SIZE = 72;

export const AttributeFlag = {
  compressed: 0x0001,
  compressionMask: 0x00ff,
  encrypted: 0x4000,
  sparse: 0x8000,
} as const;

/** Entry of $ATTRIBUTE_LIST, Linux-NTFS "$ATTRIBUTE_LIST"; the name follows at `nameOffset`. */
export const attributeListEntry = struct('$ATTRIBUTE_LIST entry', 26, {
  type: [0, u32le],
  length: [4, u16le],
  nameLength: [6, u8],
  nameOffset: [7, u8],
  lowestVcn: [8, u64le],
  reference: [16, u64le],
  instance: [24, u16le],
});

/** $STANDARD_INFORMATION; 48 bytes before NTFS 3.0. */
export const standardInformation = struct('$STANDARD_INFORMATION', 72, {
  creationTime: [0, u64le],
  modificationTime: [8, u64le],
  recordChangeTime: [16, u64le],
  accessTime: [24, u64le],
  fileAttributes: [32, u32le],
  maxVersions: [36, u32le],
  version: [40, u32le],
  classId: [44, u32le],
  ownerId: [48, u32le],
  securityId: [52, u32le],
  quotaCharged: [56, u64le],
  usn: [64, u64le],
});
export const STANDARD_INFORMATION_V1_SIZE = 48;

/** $FILE_NAME; the name follows. */
export const fileName = struct('$FILE_NAME', 66, {
  parent: [0, u64le],
  creationTime: [8, u64le],
  modificationTime: [16, u64le],
  recordChangeTime: [24, u64le],
  accessTime: [32, u64le],
  allocatedSize: [40, u64le],
  dataSize: [48, u64le],
  fileAttributes: [56, u32le],
  /** Reparse tag, or the packed size of extended attributes. */
  reparseTag: [60, u32le],
  nameLength: [64, u8],
  namespace: [65, u8],
});
export const MAX_NAME_LENGTH = 255;

export const Namespace = { posix: 0, win32: 1, dos: 2, win32AndDos: 3 } as const;

/** File attributes, [MS-FSCC] 2.6; the last two only in $FILE_NAME. */
export const FileAttribute = {
  readonly: 0x1,
  hidden: 0x2,
  system: 0x4,
  directory: 0x10,
  archive: 0x20,
  device: 0x40,
  normal: 0x80,
  temporary: 0x100,
  sparse: 0x200,
  reparsePoint: 0x400,
  compressed: 0x800,
  offline: 0x1000,
  notContentIndexed: 0x2000,
  encrypted: 0x4000,
  recallOnOpen: 0x40000,
  recallOnDataAccess: 0x400000,
  directoryIndex: 0x10000000,
  viewIndex: 0x20000000,
} as const;

/** $VOLUME_INFORMATION. */
export const volumeInformation = struct('$VOLUME_INFORMATION', 12, {
  majorVersion: [8, u8],
  minorVersion: [9, u8],
  flags: [10, u16le],
});
export const VolumeFlag = { dirty: 0x1, resizeLogFile: 0x2, upgradeOnMount: 0x4, modifiedByChkdsk: 0x8000 } as const;

/** $OBJECT_ID: the object id itself may be all there is. */
export const objectId = struct('$OBJECT_ID', 64, {
  objectId: [0, bytes(16)],
  birthVolumeId: [16, bytes(16)],
  birthObjectId: [32, bytes(16)],
  domainId: [48, bytes(16)],
});
export const OBJECT_ID_SIZE = 16;

/** One definition of $AttrDef. */
export const attributeDefinition = struct('$AttrDef entry', 160, {
  type: [128, u32le],
  displayRule: [132, u32le],
  collationRule: [136, u32le],
  flags: [140, u32le],
  minSize: [144, u64le],
  maxSize: [152, u64le],
});

/** Restart page of $LogFile, Linux-NTFS "$LogFile". */
export const restartPage = struct('$LogFile restart page', 30, {
  magic: [0, u32le],
  usaOffset: [4, u16le],
  usaCount: [6, u16le],
  checkDiskLsn: [8, u64le],
  systemPageSize: [16, u32le],
  logPageSize: [20, u32le],
  restartOffset: [24, u16le],
  minorVersion: [26, u16le],
  majorVersion: [28, u16le],
});

/** Restart area within a restart page. */
export const restartArea = struct('$LogFile restart area', 48, {
  currentLsn: [0, u64le],
  logClients: [8, u16le],
  clientFreeList: [10, u16le],
  clientInUseList: [12, u16le],
  flags: [14, u16le],
});
export const RESTART_VOLUME_IS_CLEAN = 0x0002;
export const NO_LOG_CLIENT = 0xffff;

/** Low 48 bits of a file reference; the sequence number is above. */
const RECORD_BITS = 48n;
const RECORD_MASK = (1n << RECORD_BITS) - 1n;

/** A reference to a record: its number and sequence number. */
export interface FileReference {
  readonly record: number;
  readonly sequence: number;
}

/** Take a file reference apart. */
export function decodeReference(value: bigint): FileReference {
  return { record: Number(value & RECORD_MASK), sequence: Number(value >> RECORD_BITS) };
}

/** Put a file reference together. */
export function encodeReference(reference: FileReference): bigint {
  return BigInt(reference.record) | (BigInt(reference.sequence) << RECORD_BITS);
}
