import { bytes, latin1, struct, u32le, u64le } from '@vmcraft/core/binary';

/**
 * On-disk structures of LVM2's labels and metadata areas, as lvm2 documents them: "man pvck" (`--dump headers` prints each field by these
 * names), doc/lvm2-raid.txt, and lib/format_text/layout.h for the sizes.
 */

/** LVM counts in these, whatever the disk. */
export const SECTOR = 512;
/** The label lies in one of the first four sectors. */
export const LABEL_SECTORS = 4;
export const LABEL_ID = 'LABELONE';
export const LABEL_TYPE = 'LVM2 001';
/** Where pvcreate puts the label. */
export const LABEL_SECTOR = 1;
/** Bytes of the text of a UUID without its dashes. */
export const UUID_LENGTH = 32;

/** `label_header`. The checksum covers the sector from `offset` on. */
export const LabelHeader = struct('label_header', 32, {
  id: [0, latin1(8)],
  sector: [8, u64le],
  crc: [16, u32le],
  offset: [20, u32le],
  type: [24, latin1(8)],
});
/** First byte of the label sector that its checksum covers. */
export const LABEL_CRC_START = 20;

/** `pv_header`; lists of `disk_locn` follow, each ended by one of zeros: data areas, metadata areas. */
export const PvHeader = struct('pv_header', 40, {
  uuid: [0, bytes(UUID_LENGTH)],
  deviceSize: [32, u64le],
});

/** `disk_locn`: a span of the device in bytes; a size of 0 means "to the end". */
export const DiskLocation = struct('disk_locn', 16, {
  offset: [0, u64le],
  size: [8, u64le],
});

/** `pv_header_extension`, behind the lists; a list of boot loader areas follows. */
export const PvHeaderExtension = struct('pv_header_extension', 8, {
  version: [0, u32le],
  flags: [4, u32le],
});
export const EXTENSION_VERSION = 2;
/** The device belongs to a volume group. */
export const EXTENSION_USED = 1;

export const MDA_MAGIC = ' LVM2 x[5A%r0N*>';
export const MDA_VERSION = 1;
/** Bytes of the header at the start of a metadata area; the text's ring lies behind it. */
export const MDA_HEADER_SIZE = 512;

/** `raw_locn`: where a text lies, from the start of the area. */
export const RawLocation = struct('raw_locn', 24, {
  offset: [0, u64le],
  size: [8, u64le],
  checksum: [16, u32le],
  flags: [20, u32le],
});
/** The area is not used for metadata (`--metadataignore`). */
export const RAW_LOCATION_IGNORED = 1;

/** `mda_header`. The checksum covers the 508 bytes behind it. */
export const MdaHeader = struct('mda_header', MDA_HEADER_SIZE, {
  checksum: [0, u32le],
  magic: [4, latin1(16)],
  version: [20, u32le],
  start: [24, u64le],
  size: [32, u64le],
  /** What is in force. */
  committed: [40, RawLocation],
  /** What is about to be. */
  precommitted: [64, RawLocation],
});

/** LVM1's `pv_disk`, of which only enough is read to say what it is. */
export const Lvm1Header = struct('pv_disk', 48, {
  id: [0, latin1(2)],
  version: [2, bytes(2)],
  pvBase: [4, u32le],
  pvSize: [8, u32le],
});
