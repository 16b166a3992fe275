import { viewOf } from '@vmcraft/core';

/** Magic number of a Zstandard frame, little-endian. RFC 8878 3.1.1. */
const ZSTD_MAGIC = 0xfd2fb528;
/** Bytes of Dictionary_ID by its flag. RFC 8878 3.1.1.1.3. */
const DICTIONARY_BYTES = [0, 1, 2, 4];
/** Block_Type values. RFC 8878 3.1.1.2.2. */
const BLOCK_RLE = 1;
const BLOCK_RESERVED = 3;

/** Extent of one Zstandard frame. */
export interface ZstdFrame {
  /** Bytes of the whole frame. */
  readonly length: number;
  /** Unpacked bytes, when the frame says. */
  readonly contentSize?: number;
}

/**
 * Measure the frame at the start of `data`, which has padding after it. The decoder would take the padding for another frame.
 * @throws Error when there is no whole frame
 */
export function zstdFrame(data: Uint8Array): ZstdFrame {
  if (data.length < 6 || viewOf(data).getUint32(0, true) !== ZSTD_MAGIC) throw new Error('no Zstandard frame');
  // Frame_Header_Descriptor, RFC 8878 3.1.1.1.1.
  const descriptor = data[4] as number;
  const singleSegment = (descriptor & 0x20) !== 0;
  const checksum = (descriptor & 0x04) !== 0;
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 ? (singleSegment ? 1 : 0) : 1 << sizeFlag;
  const sizeAt = 5 + (singleSegment ? 0 : 1) + (DICTIONARY_BYTES[descriptor & 3] as number);
  const contentSize = readContentSize(data, sizeAt, sizeBytes);
  let at = sizeAt + sizeBytes;
  for (let last = false; !last; ) {
    if (at + 3 > data.length) throw new Error('frame ends early');
    const header = (data[at] as number) | ((data[at + 1] as number) << 8) | ((data[at + 2] as number) << 16);
    const type = (header >> 1) & 3;
    if (type === BLOCK_RESERVED) throw new Error('reserved block type');
    last = (header & 1) !== 0;
    at += 3 + (type === BLOCK_RLE ? 1 : header >> 3);
  }
  const length = at + (checksum ? 4 : 0);
  if (length > data.length) throw new Error('frame ends early');
  return contentSize === undefined ? { length } : { length, contentSize };
}

/** Frame_Content_Size, RFC 8878 3.1.1.1.4: little-endian; the two-byte form has 256 added. */
function readContentSize(data: Uint8Array, at: number, bytes: number): number | undefined {
  if (bytes === 0) return undefined;
  if (at + bytes > data.length) throw new Error('frame ends early');
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + (data[at + i] as number);
  return bytes === 2 ? value + 256 : value;
}
