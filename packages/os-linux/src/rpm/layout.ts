import { bytes, struct, u8, u16be, u16le, u32be, u32le } from '@vmcraft/core/binary';

/*
 * RPM headers: Linux Standard Base Core 5.0, 25.2.4 "Header"; "RPM Tags" of the RPM reference manual. All integers are big-endian.
 */

/** How a header lies in a database: the counts, without the magic that files have before them. */
export const HeaderCounts = struct('rpmdb header', 8, { indexLength: [0, u32be], dataLength: [4, u32be] });
/** One entry of the index. */
export const IndexEntry = struct('rpm header index', 16, {
  tag: [0, u32be],
  type: [4, u32be],
  offset: [8, u32be],
  count: [12, u32be],
});
/** Types of entries. */
export const TagType = { int32: 4, string: 6, stringArray: 8, i18nString: 9 } as const;
/** Tags that describe a package. */
export const Tag = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  summary: 1004,
  description: 1005,
  vendor: 1011,
  url: 1020,
  arch: 1022,
  sourceRpm: 1044,
} as const;

/*
 * SQLite: "Database File Format", https://www.sqlite.org/fileformat2.html. All integers are big-endian.
 */

/** 1.3 "The Database Header". */
export const SqliteHeader = struct('sqlite header', 100, {
  magic: [0, bytes(16)],
  pageSize: [16, u16be],
  reserved: [20, u8],
  pageCount: [28, u32be],
});
export const SQLITE_MAGIC = new TextEncoder().encode('SQLite format 3\0');
/** 1.6 "B-tree Pages": header of a page; the right-most pointer is there on interior pages only. */
export const BtreePage = struct('sqlite b-tree page', 12, {
  type: [0, u8],
  cells: [3, u16be],
  rightMost: [8, u32be],
});
export const PageType = { interiorTable: 0x05, leafTable: 0x0d } as const;
export const LEAF_HEADER = 8;
/** 4.1 "WAL File Format": header of the file, and of a frame. */
export const WalHeader = struct('sqlite wal header', 32, {
  magic: [0, u32be],
  version: [4, u32be],
  pageSize: [8, u32be],
  salt1: [16, u32be],
  salt2: [20, u32be],
  checksum1: [24, u32be],
  checksum2: [28, u32be],
});
/** The lowest bit says that checksums take words with the highest byte first. */
export const WAL_MAGIC = 0x377f0682;
export const WalFrame = struct('sqlite wal frame', 24, {
  page: [0, u32be],
  pagesAfterCommit: [4, u32be],
  salt1: [8, u32be],
  salt2: [12, u32be],
  checksum1: [16, u32be],
  checksum2: [20, u32be],
});

/*
 * Berkeley DB 4 and 5, hash access method: structures DBMETA, HMETA, PAGE and HOFFPAGE of its documentation of page formats
 * (dbinc/db_page.h). Integers are of the byte order of the host that made the file.
 */

export const BDB_HASH_MAGIC = 0x061561;
export const BdbMeta = {
  little: struct('DBMETA', 40, {
    magic: [12, u32le],
    version: [16, u32le],
    pageSize: [20, u32le],
    type: [25, u8],
    lastPage: [32, u32le],
  }),
  big: struct('DBMETA', 40, {
    magic: [12, u32be],
    version: [16, u32be],
    pageSize: [20, u32be],
    type: [25, u8],
    lastPage: [32, u32be],
  }),
} as const;
export const BdbPage = {
  little: struct('PAGE', 26, {
    number: [8, u32le],
    next: [16, u32le],
    entries: [20, u16le],
    dataLength: [22, u16le],
    type: [25, u8],
  }),
  big: struct('PAGE', 26, {
    number: [8, u32be],
    next: [16, u32be],
    entries: [20, u16be],
    dataLength: [22, u16be],
    type: [25, u8],
  }),
} as const;
export const BdbPageType = { hashUnsorted: 2, overflow: 7, hashMeta: 8, hash: 13 } as const;
/** HOFFPAGE: a value on pages of its own. */
export const BdbOffPage = {
  little: struct('HOFFPAGE', 12, { type: [0, u8], page: [4, u32le], length: [8, u32le] }),
  big: struct('HOFFPAGE', 12, { type: [0, u8], page: [4, u32be], length: [8, u32be] }),
} as const;
export const BdbItem = { keyData: 1, offPage: 3 } as const;

/*
 * RPM's own database, "ndb": lib/backend/ndb/rpmpkg.c of RPM 4.18 documents the file Packages.db. All integers are little-endian.
 */

export const NdbHeader = struct('ndb header', 32, { magic: [0, u32le], version: [4, u32le], slotPages: [12, u32le] });
/** `RpmP`. */
export const NDB_MAGIC = 0x506d7052;
export const NdbSlot = struct('ndb slot', 16, {
  magic: [0, u32le],
  packageIndex: [4, u32le],
  blockOffset: [8, u32le],
  blockCount: [12, u32le],
});
/** `Slot`. */
export const NDB_SLOT_MAGIC = 0x746f6c53;
export const NDB_SLOT_PAGE = 4096;
/** Offsets count in blocks of so many bytes. */
export const NDB_BLOCK = 16;
export const NdbBlob = struct('ndb blob', 16, { magic: [0, u32le], packageIndex: [4, u32le], length: [12, u32le] });
/** `BlbS`. */
export const NDB_BLOB_MAGIC = 0x53626c42;
