import { struct, u16be, u32be, u64be } from '@vmcraft/core/binary';

/*
 * The NBD protocol, https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md (2023-04). All integers are big-endian.
 */

/** "Newstyle negotiation": what the server sends first. */
export const ServerHello = struct('NBD newstyle handshake', 18, {
  magic: [0, u64be],
  option: [8, u64be],
  flags: [16, u16be],
});
/** `NBDMAGIC`. */
export const NBD_MAGIC = 0x4e42444d41474943n;
/** `IHAVEOPT`. */
export const OPTION_MAGIC = 0x49484156454f5054n;

/** Handshake flags, both directions. */
export const HandshakeFlag = { fixedNewstyle: 1 << 0, noZeroes: 1 << 1 } as const;

/** "Option haggling": header of an option. */
export const OptionRequest = struct('NBD option', 16, { magic: [0, u64be], option: [8, u32be], length: [12, u32be] });
/** Header of a reply to an option. */
export const OptionReply = struct('NBD option reply', 20, {
  magic: [0, u64be],
  option: [8, u32be],
  type: [12, u32be],
  length: [16, u32be],
});
export const OPTION_REPLY_MAGIC = 0x0003e889045565a9n;

/** "Option types". */
export const Option = {
  exportName: 1,
  abort: 2,
  list: 3,
  startTls: 5,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const;

/** "Option reply types"; errors have bit 31 set. */
export const Reply = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  errorBit: 0x80000000,
  errUnsupported: 0x80000001,
  errInvalid: 0x80000003,
  errTlsRequired: 0x80000005,
  errUnknown: 0x80000006,
  errTooBig: 0x80000009,
} as const;

/** Information types of `NBD_OPT_GO`. */
export const Info = { export: 0, name: 1, description: 2, blockSize: 3 } as const;
export const InfoExport = struct('NBD_INFO_EXPORT', 12, { type: [0, u16be], size: [2, u64be], flags: [10, u16be] });
export const InfoBlockSize = struct('NBD_INFO_BLOCK_SIZE', 14, {
  type: [0, u16be],
  minimum: [2, u32be],
  preferred: [6, u32be],
  maximum: [10, u32be],
});
/** Reply to `NBD_OPT_EXPORT_NAME`, without the zeroes. */
export const ExportNameReply = struct('NBD_OPT_EXPORT_NAME reply', 10, { size: [0, u64be], flags: [8, u16be] });

/** "Transmission flags". */
export const TransmissionFlag = {
  hasFlags: 1 << 0,
  readOnly: 1 << 1,
  sendFlush: 1 << 2,
  sendFua: 1 << 3,
  sendTrim: 1 << 5,
  sendWriteZeroes: 1 << 6,
  sendDf: 1 << 7,
  canMultiConn: 1 << 8,
} as const;

/** "Request message". */
export const Request = struct('NBD request', 28, {
  magic: [0, u32be],
  flags: [4, u16be],
  type: [6, u16be],
  cookie: [8, u64be],
  offset: [16, u64be],
  length: [24, u32be],
});
export const REQUEST_MAGIC = 0x25609513;

/** "Request types". */
export const Command = { read: 0, write: 1, disconnect: 2, flush: 3, trim: 4, writeZeroes: 6, blockStatus: 7 } as const;

/** "Command flags". */
export const CommandFlag = { fua: 1 << 0, noHole: 1 << 1, df: 1 << 2, reqOne: 1 << 3 } as const;

/** "Simple reply message". */
export const SimpleReply = struct('NBD simple reply', 16, { magic: [0, u32be], error: [4, u32be], cookie: [8, u64be] });
export const SIMPLE_REPLY_MAGIC = 0x67446698;

/** "Structured reply chunk message". */
export const Chunk = struct('NBD structured reply chunk', 20, {
  magic: [0, u32be],
  flags: [4, u16be],
  type: [6, u16be],
  cookie: [8, u64be],
  length: [16, u32be],
});
export const CHUNK_MAGIC = 0x668e33ef;
export const CHUNK_DONE = 1;
/** "Structured reply types"; errors have bit 15 set. */
export const ChunkType = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  error: 0x8001,
  errorBit: 0x8000,
} as const;

/** States of the metadata context `base:allocation`. */
export const AllocationFlag = { hole: 1, zero: 2 } as const;
export const BASE_ALLOCATION = 'base:allocation';

/** "Error values", and what the host calls them. */
export const ERROR_NAMES: Readonly<Record<number, string>> = {
  1: 'EPERM',
  5: 'EIO',
  12: 'ENOMEM',
  22: 'EINVAL',
  28: 'ENOSPC',
  75: 'EOVERFLOW',
  95: 'ENOTSUP',
  108: 'ESHUTDOWN',
};
