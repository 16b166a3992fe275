import { array, struct, u8, u16le, u32le } from '../binary/index.js';

/** `DISKMAGIC` of <sys/disklabel.h>. */
export const BSD_MAGIC = 0x82564557;
/** `LABELSECTOR` and `LABELOFFSET` on x86: one sector into the slice. */
export const BSD_LABEL_SECTOR = 1;
/** `LABELOFFSET` on Alpha, in sector 0. */
export const BSD_ALPHA_OFFSET = 64;
/** Partitions a label has room for: `MAXPARTITIONS` of FreeBSD 8, of NetBSD and OpenBSD 16. */
export const BSD_PARTITIONS = { freebsd: 8, others: 16 } as const;
/** `RAW_PART`: the letter `c`, the whole slice. */
export const BSD_RAW_PARTITION = 2;
/** `FS_UNUSED`. */
export const BSD_FS_UNUSED = 0;

/** `struct partition` of FreeBSD <sys/disklabel.h>. */
export const BsdPartition = struct('bsd.partition', 16, {
  size: [0, u32le],
  offset: [4, u32le],
  fragmentSize: [8, u32le],
  fstype: [12, u8],
  frag: [13, u8],
  cpg: [14, u16le],
});

/** `struct disklabel` of FreeBSD <sys/disklabel.h>, with room for 16 partitions. */
export const BsdDisklabel = struct('bsd.disklabel', 404, {
  magic: [0, u32le],
  secsize: [40, u32le],
  magic2: [132, u32le],
  checksum: [136, u16le],
  npartitions: [138, u16le],
  partitions: [148, array(BsdPartition, BSD_PARTITIONS.others)],
});
