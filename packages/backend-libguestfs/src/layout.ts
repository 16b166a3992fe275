import { struct, u16be, u32be, u64be } from '@vmcraft/core/binary';

/*
 * The NBD protocol as a server for qemu needs it, https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md (2023-04). All
 * integers are big-endian.
 */

/** "Newstyle negotiation": what the server sends first. */
export const Hello = struct('NBD newstyle handshake', 18, {
  magic: [0, u64be],
  option: [8, u64be],
  flags: [16, u16be],
});
/** `NBDMAGIC` and `IHAVEOPT`. */
export const NBD_MAGIC = 0x4e42444d41474943n;
export const OPTION_MAGIC = 0x49484156454f5054n;
/** Handshake flags: fixed newstyle, no zeroes. */
export const HANDSHAKE_FLAGS = 0b11;

/** "Option haggling". */
export const OptionHeader = struct('NBD option', 16, { magic: [0, u64be], option: [8, u32be], length: [12, u32be] });
export const OptionReply = struct('NBD option reply', 20, {
  magic: [0, u64be],
  option: [8, u32be],
  type: [12, u32be],
  length: [16, u32be],
});
export const OPTION_REPLY_MAGIC = 0x0003e889045565a9n;
export const Option = { exportName: 1, abort: 2, info: 6, go: 7 } as const;
export const Reply = { ack: 1, info: 3, errUnsupported: 0x80000001, errUnknown: 0x80000006 } as const;
export const InfoExport = struct('NBD_INFO_EXPORT', 12, { type: [0, u16be], size: [2, u64be], flags: [10, u16be] });
export const ExportNameReply = struct('NBD_OPT_EXPORT_NAME reply', 10, { size: [0, u64be], flags: [8, u16be] });

/** "Transmission flags". */
export const Flag = { hasFlags: 1, readOnly: 2, sendFlush: 4, sendTrim: 32, sendWriteZeroes: 64 } as const;

/** "Request message" and "Simple reply message". */
export const Request = struct('NBD request', 28, {
  magic: [0, u32be],
  flags: [4, u16be],
  type: [6, u16be],
  cookie: [8, u64be],
  offset: [16, u64be],
  length: [24, u32be],
});
export const REQUEST_MAGIC = 0x25609513;
export const SimpleReply = struct('NBD simple reply', 16, { magic: [0, u32be], error: [4, u32be], cookie: [8, u64be] });
export const SIMPLE_REPLY_MAGIC = 0x67446698;
export const Command = { read: 0, write: 1, disconnect: 2, flush: 3, trim: 4, writeZeroes: 6 } as const;

/** "Error values". */
export const NbdError = { perm: 1, io: 5, inval: 22, nospc: 28 } as const;
