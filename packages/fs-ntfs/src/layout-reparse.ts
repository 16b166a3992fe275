/** Reparse points, [MS-FSCC] 2.1.2. */
import { struct, u16le, u32le } from '@vmcraft/core/binary';

/** Header of Microsoft's own reparse tags, [MS-FSCC] 2.1.2.2. */
export const reparseHeader = struct('REPARSE_DATA_BUFFER', 8, {
  tag: [0, u32le],
  dataLength: [4, u16le],
});
export const MAX_REPARSE_SIZE = 16384;

/** Data of a symbolic link, [MS-FSCC] 2.1.2.4; offsets count from the path buffer at 12. */
export const symlinkBuffer = struct('Symbolic Link Reparse Data Buffer', 12, {
  substituteNameOffset: [0, u16le],
  substituteNameLength: [2, u16le],
  printNameOffset: [4, u16le],
  printNameLength: [6, u16le],
  flags: [8, u32le],
});
export const SYMLINK_FLAG_RELATIVE = 1;

/** Data of a junction, [MS-FSCC] 2.1.2.5; the path buffer is at 8. */
export const mountPointBuffer = struct('Mount Point Reparse Data Buffer', 8, {
  substituteNameOffset: [0, u16le],
  substituteNameLength: [2, u16le],
  printNameOffset: [4, u16le],
  printNameLength: [6, u16le],
});

/** Reparse tags, [MS-FSCC] 2.1.2.1. */
export const ReparseTag = {
  mountPoint: 0xa0000003,
  symlink: 0xa000000c,
  dedup: 0x80000013,
  wof: 0x80000017,
  appExecLink: 0x8000001b,
  lxSymlink: 0xa000001d,
  afUnix: 0x80000023,
  lxFifo: 0x80000024,
  lxChr: 0x80000025,
  lxBlk: 0x80000026,
  hsm: 0xc0000004,
  hsm2: 0x80000006,
  sis: 0x80000007,
  nfs: 0x80000014,
  cloud: 0x9000001a,
} as const;
/** The cloud tags differ in these bits only: 0x9000001A to 0x9000F01A. */
export const CLOUD_TAG_MASK = 0xffff0fff;

/** First bytes of the files in which Services for UNIX keeps links and devices; such a file has the system attribute. */
export const INTERIX_LINK = 'IntxLNK\x01';
export const INTERIX_CHR = 'IntxCHR\0';
export const INTERIX_BLK = 'IntxBLK\0';
