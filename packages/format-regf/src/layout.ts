import { i32le, latin1, struct, u16le, u32le, u64le, utf16le } from '@vmcraft/core/binary';

/** "Windows registry file format specification", M. Suhanov; section names follow it. */
export const SPECIFICATION = 'Windows registry file format specification';

/** Bytes before the first hive bin; every offset in a hive counts from here. Section "Base block". */
export const BASE_BLOCK_SIZE = 4096;
/** The part of the base block that its checksum covers, and where the checksum lies. */
export const CHECKSUM_OFFSET = 508;
/** Bins begin and end at multiples of this. Section "Hive bin". */
export const BIN_UNIT = 4096;
/** Cells are a multiple of this. Section "Cell". */
export const CELL_UNIT = 8;
/** Length of the size field at the start of a cell. */
export const CELL_HEADER = 4;
/** An offset that points nowhere. */
export const NO_CELL = 0xffffffff;

/** Section "Base block". */
export const BaseBlock = struct('regf.BaseBlock', 512, {
  signature: [0, latin1(4)],
  primarySequence: [4, u32le],
  secondarySequence: [8, u32le],
  lastWritten: [12, u64le],
  majorVersion: [20, u32le],
  minorVersion: [24, u32le],
  fileType: [28, u32le],
  fileFormat: [32, u32le],
  rootCell: [36, u32le],
  binsSize: [40, u32le],
  clusteringFactor: [44, u32le],
  fileName: [48, utf16le(64)],
  flags: [144, u32le],
  checksum: [508, u32le],
});

/** The decoded base block. */
export type BaseBlockFields = ReturnType<typeof BaseBlock.decode>;

/** Values of `fileType`. Sections "Base block", "Format of transaction log files". */
export const FileType = { primary: 0, oldLog: 1, otherLog: 2, newLog: 6 } as const;

/** Section "Hive bin". */
export const BinHeader = struct('regf.HiveBin', 32, {
  signature: [0, latin1(4)],
  offset: [4, u32le],
  size: [8, u32le],
  timestamp: [20, u64le],
});

/** Section "Key node"; the name follows. Hot loops read it by these offsets, see `key-node.ts`. */
export const KeyNode = struct('regf.KeyNode', 76, {
  signature: [0, latin1(2)],
  flags: [2, u16le],
  lastWritten: [4, u64le],
  spare: [12, u32le],
  parent: [16, u32le],
  subkeyCount: [20, u32le],
  volatileSubkeyCount: [24, u32le],
  subkeyList: [28, u32le],
  volatileSubkeyList: [32, u32le],
  valueCount: [36, u32le],
  valueList: [40, u32le],
  security: [44, u32le],
  className: [48, u32le],
  largestSubkeyName: [52, u32le],
  largestSubkeyClass: [56, u32le],
  largestValueName: [60, u32le],
  largestValueData: [64, u32le],
  workVar: [68, u32le],
  nameLength: [72, u16le],
  classLength: [74, u16le],
});

/** Flags of a key node. Section "Key node", "Flags". */
export const KeyFlag = {
  volatile: 0x0001,
  hiveExit: 0x0002,
  hiveEntry: 0x0004,
  noDelete: 0x0008,
  symbolicLink: 0x0010,
  compressedName: 0x0020,
  predefinedHandle: 0x0040,
} as const;

/** The low half of `largestSubkeyName` is the length, the other half flags that must be kept. Section "Key node". */
export const LARGEST_NAME_MASK = 0xffff;

/** Section "Key value"; the name follows. */
export const KeyValue = struct('regf.KeyValue', 20, {
  signature: [0, latin1(2)],
  nameLength: [2, u16le],
  dataSize: [4, u32le],
  dataOffset: [8, u32le],
  dataType: [12, u32le],
  flags: [16, u16le],
  spare: [18, u16le],
});

/** In `dataSize`: the data (4 bytes or less) lies in the field `dataOffset` itself. Section "Key value", "Data size". */
export const INLINE_DATA = 0x80000000;
/** In the flags of a key value: the name is of one byte a character. */
export const VALUE_COMPRESSED_NAME = 0x0001;

/** Section "Key security"; the descriptor follows. */
export const KeySecurity = struct('regf.KeySecurity', 20, {
  signature: [0, latin1(2)],
  flink: [4, u32le],
  blink: [8, u32le],
  referenceCount: [12, u32le],
  descriptorSize: [16, u32le],
});

/** Section "Big data". */
export const BigData = struct('regf.BigData', 8, {
  signature: [0, latin1(2)],
  segmentCount: [2, u16le],
  segmentList: [4, u32le],
});

/** Most bytes of one segment of a big data record; values longer than this need one. Section "Big data". */
export const SEGMENT_SIZE = 16344;
/** Big data records exist when the minor version is greater than this. */
export const LAST_MINOR_WITHOUT_BIG_DATA = 3;
/** Hash leaves exist from this minor version on; before, fast leaves are written. */
export const FIRST_MINOR_WITH_HASH_LEAF = 5;

/** Bytes of a list's signature and count. Sections "Index leaf" to "Index root". */
export const LIST_HEADER = 4;

/** Two-letter signatures as little-endian 16-bit numbers, for comparing without making text. */
export const Signature = {
  nk: 0x6b6e,
  vk: 0x6b76,
  sk: 0x6b73,
  lf: 0x666c,
  lh: 0x686c,
  li: 0x696c,
  ri: 0x6972,
  db: 0x6264,
} as const;
/** "hbin" as a little-endian number. */
export const HBIN_SIGNATURE = 0x6e696268;

/** Lengths of names: what Windows allows, in UTF-16 units. Microsoft, "Registry element size limits". */
export const MAX_KEY_NAME = 255;
/** Longest value name in UTF-16 units. */
export const MAX_VALUE_NAME = 16383;
/** Deepest tree. */
export const MAX_DEPTH = 512;

/** Section "Cell". */
export const CellHeader = struct('regf.Cell', 4, { size: [0, i32le] });
