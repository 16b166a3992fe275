import { guid, latin1, struct, u32le, u64le, utf16le } from '../binary/index.js';

/** First bytes of a GPT header: "EFI PART". */
export const GPT_SIGNATURE = 'EFI PART';
/** Revision 1.0, the only one there is. */
export const GPT_REVISION = 0x00010000;
/** Bytes of the header that its checksum covers in revision 1.0. */
export const GPT_HEADER_SIZE = 92;
/** Where the primary header lies. */
export const GPT_PRIMARY_LBA = 1;
/** Where the primary entries usually begin. */
export const GPT_ENTRIES_LBA = 2;
/** UEFI 2.10 section 5.3.2: entry size is 128 x 2^n; larger than this is refused. */
export const GPT_ENTRY_SIZE = { min: 128, max: 4096 } as const;
/** Space reserved for entries at least (UEFI 2.10 section 5.3.1). */
export const GPT_ENTRY_ARRAY_BYTES = 16384;
/** Entry arrays larger than this are not read: 8192 entries of the usual size. */
export const GPT_MAX_ENTRY_ARRAY_BYTES = 1024 * 1024;
/** UTF-16 units of a partition name. */
export const GPT_NAME_UNITS = 36;
/** The GUID of no type: an unused entry. */
export const GUID_ZERO = '00000000-0000-0000-0000-000000000000';

/** UEFI 2.10 section 5.3.2, table 5-5: GPT Header. */
export const GptHeader = struct('GptHeader', GPT_HEADER_SIZE, {
  signature: [0, latin1(8)],
  revision: [8, u32le],
  headerSize: [12, u32le],
  headerCrc32: [16, u32le],
  myLba: [24, u64le],
  alternateLba: [32, u64le],
  firstUsableLba: [40, u64le],
  lastUsableLba: [48, u64le],
  diskGuid: [56, guid],
  partitionEntryLba: [72, u64le],
  numberOfPartitionEntries: [80, u32le],
  sizeOfPartitionEntry: [84, u32le],
  partitionEntryArrayCrc32: [88, u32le],
});
export type GptHeader = ReturnType<typeof GptHeader.decode>;

/** UEFI 2.10 section 5.3.3, table 5-6: GPT Partition Entry. */
export const GptPartitionEntry = struct('GptPartitionEntry', GPT_ENTRY_SIZE.min, {
  partitionTypeGuid: [0, guid],
  uniquePartitionGuid: [16, guid],
  startingLba: [32, u64le],
  endingLba: [40, u64le],
  attributes: [48, u64le],
  partitionName: [56, utf16le(GPT_NAME_UNITS * 2)],
});
export type GptPartitionEntry = ReturnType<typeof GptPartitionEntry.decode>;
