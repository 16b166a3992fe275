export { compareBytes, concatBytes, equalBytes, isZero } from './bytes.js';
export { crc16, crc32, crc32c, crc32cRaw } from './crc.js';
export {
  array,
  bytes,
  type FieldType,
  i8,
  i16le,
  i32le,
  i64le,
  latin1,
  u8,
  u16be,
  u16le,
  u32be,
  u32le,
  u64be,
  u64le,
  utf8,
} from './field.js';
export { decodeFileName, encodeFileName } from './file-name.js';
export { fromHex, guid, parseUuid, toHex, uuid, uuidToString } from './guid.js';
export { alignDown, alignUp, isPowerOfTwo, toSafeInteger } from './integers.js';
export { decompressLz4 } from './lz4.js';
export { decompressLzo } from './lzo.js';
export { type Decoded, type Struct, struct, viewOf } from './struct.js';
export { decodeUtf8, decodeUtf16, encodeUtf8, encodeUtf16, utf16le } from './text.js';
