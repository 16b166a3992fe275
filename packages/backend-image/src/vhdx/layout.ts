import { bytes, guid, latin1, struct, u16le, u32le, u64le } from '@vmcraft/core';

/** Structures of [MS-VHDX]. All integers are little-endian. */

/** 2.2.1 File Type Identifier. */
export const FILE_SIGNATURE = 'vhdxfile';

/** 2.2.2 Headers: two of them, each in 64 KiB. */
export const HEADER_OFFSETS = [0x10000, 0x20000] as const;
export const VhdxHeader = struct('vhdx.header', 4096, {
  signature: [0, latin1(4)],
  checksum: [4, u32le],
  sequenceNumber: [8, u64le],
  fileWriteGuid: [16, guid],
  dataWriteGuid: [32, guid],
  logGuid: [48, guid],
  logVersion: [64, u16le],
  version: [66, u16le],
  logLength: [68, u32le],
  logOffset: [72, u64le],
});
export const HEADER_SIGNATURE = 'head';
export const ZERO_GUID = '00000000-0000-0000-0000-000000000000';

/** 2.2.3 Region Table: two copies of 64 KiB. */
export const REGION_TABLE_OFFSETS = [0x30000, 0x40000] as const;
export const REGION_TABLE_SIZE = 65536;
export const RegionTableHeader = struct('vhdx.regionTableHeader', 16, {
  signature: [0, latin1(4)],
  checksum: [4, u32le],
  entryCount: [8, u32le],
});
export const REGION_SIGNATURE = 'regi';
export const MAX_REGIONS = 2047;
/** 2.2.3.2 Region Table Entry. */
export const RegionEntry = struct('vhdx.regionEntry', 32, {
  guid: [0, guid],
  fileOffset: [16, u64le],
  length: [24, u32le],
  required: [28, u32le],
});
export const BAT_REGION = '2dc27766-f623-4200-9d64-115e9bfd4a08';
export const METADATA_REGION = '8b7ca206-4790-4b9a-b8fe-575f050f886e';

/** 2.6.1 Metadata Table. */
export const MetadataTableHeader = struct('vhdx.metadataTableHeader', 32, {
  signature: [0, latin1(8)],
  entryCount: [10, u16le],
});
export const METADATA_SIGNATURE = 'metadata';
export const METADATA_TABLE_SIZE = 65536;
export const MAX_METADATA_ENTRIES = 2047;
export const MetadataEntry = struct('vhdx.metadataEntry', 32, {
  itemId: [0, guid],
  offset: [16, u32le],
  length: [20, u32le],
  flags: [24, u32le],
});
/** Bit IsRequired of MetadataEntry.flags. */
export const METADATA_REQUIRED = 4;
/** Largest metadata item taken in, bytes (2.6.1.2: at most 1 MiB). */
export const MAX_ITEM = 1 << 20;

/** 2.6.2 Known Metadata Items. */
export const ITEM = {
  fileParameters: 'caa16737-fa36-4d43-b3b6-33f0aa44e76b',
  virtualDiskSize: '2fa54224-cd1b-4876-b211-5dbed83bf4b8',
  virtualDiskId: 'beca12ab-b2e6-4523-93ef-c309e000c746',
  logicalSectorSize: '8141bf1d-a96f-4709-ba47-f233a8faab5f',
  physicalSectorSize: 'cda348c7-445d-4471-9cc9-e9885251c556',
  parentLocator: 'a8d35f2d-b30b-454d-abf7-d3d84834ab0c',
} as const;

/** 2.6.2.1 File Parameters. */
export const FileParameters = struct('vhdx.fileParameters', 8, { blockSize: [0, u32le], flags: [4, u32le] });
export const FLAG_LEAVE_ALLOCATED = 1;
export const FLAG_HAS_PARENT = 2;
export const VirtualDiskSize = struct('vhdx.virtualDiskSize', 8, { size: [0, u64le] });
export const SectorSize = struct('vhdx.sectorSize', 4, { size: [0, u32le] });

/** 2.6.2.6 Parent Locator. */
export const ParentLocatorHeader = struct('vhdx.parentLocatorHeader', 20, {
  locatorType: [0, guid],
  keyValueCount: [18, u16le],
});
export const ParentLocatorEntry = struct('vhdx.parentLocatorEntry', 12, {
  keyOffset: [0, u32le],
  valueOffset: [4, u32le],
  keyLength: [8, u16le],
  valueLength: [10, u16le],
});
export const VHDX_LOCATOR = 'b04aefb7-d19e-4a81-b789-25b8e9445913';

/** 2.5.1 BAT Entry: state in the low three bits, offset in MiB from bit 20 on. */
export const BAT_ENTRY = 8;
export const STATE_MASK = 7;
export const MiB = 1 << 20;
/** 2.5.1.1 Payload BAT Entry States. */
export const PAYLOAD = { notPresent: 0, undefined: 1, zero: 2, unmapped: 3, present: 6, partial: 7 } as const;
/** 2.5.1.2 Sector Bitmap BAT Entry States. */
export const BITMAP_PRESENT = 6;
/** 2.5: sectors that one sector bitmap block describes. */
export const CHUNK_SECTORS = 2 ** 23;

/** 2.6.2.1: bounds of the block size, bytes. */
export const MIN_BLOCK = MiB;
export const MAX_BLOCK = 256 * MiB;
/** 2.6.2.2: largest disk, bytes. */
export const MAX_DISK = 64 * 2 ** 40;

/** 2.3.1.1 Log Entry Header. */
export const LogEntryHeader = struct('vhdx.logEntryHeader', 64, {
  signature: [0, latin1(4)],
  checksum: [4, u32le],
  entryLength: [8, u32le],
  tail: [12, u32le],
  sequenceNumber: [16, u64le],
  descriptorCount: [24, u32le],
  logGuid: [32, guid],
  flushedFileOffset: [48, u64le],
  lastFileOffset: [56, u64le],
});
export const LOG_SIGNATURE = 'loge';
export const LOG_SECTOR = 4096;
export const DESCRIPTOR_SIZE = 32;

/** 2.3.1.2 Zero Descriptor. */
export const ZeroDescriptor = struct('vhdx.zeroDescriptor', 32, {
  signature: [0, latin1(4)],
  zeroLength: [8, u64le],
  fileOffset: [16, u64le],
  sequenceNumber: [24, u64le],
});
/** 2.3.1.3 Data Descriptor. */
export const DataDescriptor = struct('vhdx.dataDescriptor', 32, {
  signature: [0, latin1(4)],
  trailingBytes: [4, bytes(4)],
  leadingBytes: [8, bytes(8)],
  fileOffset: [16, u64le],
  sequenceNumber: [24, u64le],
});
/** 2.3.1.4 Data Sector: the ends hold the sequence number, what they cover lies in the descriptor. */
export const DataSector = struct('vhdx.dataSector', 4096, {
  signature: [0, latin1(4)],
  sequenceHigh: [4, u32le],
  sequenceLow: [4092, u32le],
});
export const LEADING_BYTES = 8;
export const TRAILING_AT = 4092;

/** Largest log taken in, bytes; 1 MiB in practice. */
export const MAX_LOG = 64 * MiB;
