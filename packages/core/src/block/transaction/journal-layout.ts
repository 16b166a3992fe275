import { bytes, latin1, struct, u32le, u64le } from '../../binary/index.js';

/** `magic` of every file that lies beside an image for a transaction. docs/formats/journal.md, "Header". */
export const JOURNAL_MAGIC = 'VMCJRNL1';
/** Bytes of the header; records follow at once. */
export const HEADER_SIZE = 512;
/** `record_magic` of every record: "VREC". */
export const RECORD_MAGIC = 0x43455256;
/** Unit in which the host's disk may tear a write, bytes; old contents are witnessed in this unit. */
export const SECTOR = 512;
/** Most image bytes one data record holds. */
export const MAX_DATA = 1024 * 1024;
/** Most bytes of a path in a journal (Linux PATH_MAX). */
export const MAX_PATH = 4096;
/** Most files of one transaction. */
export const MAX_FILES = 1024;

/** What a file beside an image is. */
export const JOURNAL_KIND = {
  /** Holds the changes: its presence is the commit. */
  journal: 1,
  /** Says where the journal of a transaction lies that also changes this image. */
  pointer: 2,
  /** As `journal`, but ranges are those of the device inside the image, to be written through its backend. */
  device: 3,
} as const;

/** Types of records. */
export const RECORD = { file: 1, data: 2, zero: 3, end: 4, pointer: 5 } as const;

/** docs/formats/journal.md, "Header". */
export const JournalHeader = struct('vmcraft_journal_header', HEADER_SIZE, {
  magic: [0, latin1(8)],
  kind: [8, u32le],
  fileCount: [12, u32le],
  transaction: [16, bytes(16)],
  totalLength: [32, u64le],
  recordCount: [40, u64le],
  witnessStride: [48, u32le],
  checksum: [HEADER_SIZE - 4, u32le],
});

/** docs/formats/journal.md, "Record header". */
export const RecordHeader = struct('vmcraft_journal_record', 48, {
  magic: [0, u32le],
  type: [4, u32le],
  file: [8, u32le],
  payloadLength: [12, u32le],
  offset: [16, u64le],
  length: [24, u64le],
  witnesses: [32, u32le],
  payloadChecksum: [36, u32le],
  reserved: [40, u32le],
  checksum: [44, u32le],
});

/** docs/formats/journal.md, "File record"; the path follows in UTF-8. */
export const FileRecord = struct('vmcraft_journal_file', 64, {
  dev: [0, u64le],
  ino: [8, u64le],
  size: [16, u64le],
  mtimeNs: [24, u64le],
  cutTo: [32, u64le],
  finalSize: [40, u64le],
  pathLength: [48, u32le],
  relativeLength: [52, u32le],
});

/** docs/formats/journal.md, "Pointer"; the two paths follow in UTF-8. */
export const PointerRecord = struct('vmcraft_journal_pointer', 8, {
  journalPathLength: [0, u32le],
  imagePathLength: [4, u32le],
});

/** How many sectors of a record have their old contents witnessed. */
export function witnessCount(type: number, length: number, stride: number): number {
  if (type === RECORD.zero) return Math.min(1, length);
  return Math.ceil(Math.ceil(length / SECTOR) / stride);
}
