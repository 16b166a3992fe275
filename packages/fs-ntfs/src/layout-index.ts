import { struct, u8, u16le, u32le, u64le } from '@vmcraft/core/binary';

/** Start of an $INDEX_ROOT value, Linux-NTFS "$INDEX_ROOT"; an {@link indexHeader} follows. */
export const indexRoot = struct('$INDEX_ROOT', 16, {
  indexedType: [0, u32le],
  collation: [4, u32le],
  blockSize: [8, u32le],
  /** Clusters; for clusters larger than a block, units of 512 bytes. */
  clustersPerBlock: [12, u8],
});

/** Start of an index block (INDX record), Linux-NTFS "$INDEX_ALLOCATION"; an {@link indexHeader} follows. */
export const indexBlock = struct('INDX record', 24, {
  magic: [0, u32le],
  usaOffset: [4, u16le],
  usaCount: [6, u16le],
  lsn: [8, u64le],
  vcn: [16, u64le],
});

/** Header of a node's entries; its offsets count from its own beginning. */
export const indexHeader = struct('index header', 16, {
  entriesOffset: [0, u32le],
  indexLength: [4, u32le],
  allocatedSize: [8, u32le],
  flags: [12, u8],
});
/** Offset of the update sequence array in an index block. */
export const INDEX_USA_OFFSET = 40;
export const INDEX_ROOT_HEADER_SIZE = 32;
export const INDEX_BLOCK_HEADER_SIZE = 40;
/** In a root: there is an $INDEX_ALLOCATION. In a block: its entries have children. */
export const INDEX_HAS_CHILDREN = 1;

/** An index entry: the key follows, then data in view indexes; a child's VCN is in the last 8 bytes. */
export const indexEntry = struct(
  'index entry',
  16,
  {
    /** File reference in a directory; data offset and length in a view index. */
    reference: [0, u64le],
    dataOffset: [0, u16le],
    dataLength: [2, u16le],
    length: [8, u16le],
    keyLength: [10, u16le],
    flags: [12, u16le],
  },
  { unions: ['dataOffset', 'dataLength', 'reference'] },
);
export const INDEX_ENTRY_HEADER_SIZE = 16;
export const IndexEntryFlag = { hasChild: 1, last: 2 } as const;

/** Collation rules, Linux-NTFS "$INDEX_ROOT". */
export const Collation = {
  binary: 0,
  fileName: 1,
  unicode: 2,
  ulong: 0x10,
  sid: 0x11,
  securityHash: 0x12,
  ulongs: 0x13,
} as const;

/** Names of index attributes. */
export const IndexName = {
  directory: '$I30',
  securityId: '$SII',
  securityHash: '$SDH',
  objectId: '$O',
  reparse: '$R',
  quota: '$Q',
} as const;
