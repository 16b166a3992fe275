/** Constants of a new volume: Linux-NTFS documentation, and what mkntfs and Windows agree on. */

export const BOOT_BYTES = 8192;
/** $LogFile without any record: all ones, as chkdsk leaves it. */
export const EMPTY_LOG = 0xff;
export const DEFAULT_CLUSTER = 4096;
export const MAX_CLUSTER = 2 * 1024 * 1024;
export const MIN_RECORD = 1024;
export const INDEX_BLOCK_BYTES = 4096;
/** Unit of the size of an index block where clusters are larger. */
export const INDEX_UNIT = 512;
/** Smallest volume, bytes. */
export const MIN_VOLUME = 1024 * 1024;
/** More clusters cannot be addressed by Windows. */
export const MAX_CLUSTERS = 2 ** 32 - 1;
/** Records of a new $MFT: 16 system files, 8 reserved ones, three in $Extend. */
export const FIRST_RECORDS = 27;
/** Records that $MFTMirr copies. */
export const MIRRORED_RECORDS = 4;
/** $MFT begins at this byte, or behind $Boot and its own bitmap. */
export const MFT_POSITION = 16384;
/** Records whose first half of bits in $Bitmap of $MFT is kept free of files: 16 to 23. */
export const FIRST_RESERVED = 16;
export const LAST_RESERVED = 23;

/** Update sequence numbers of new records. */
export const RECORD_USN = 1;
export const INDEX_USN = 2;

/** Security ids of the two descriptors that a new $Secure has. */
export const SYSTEM_READ_ID = 0x100;
export const SYSTEM_WRITE_ID = 0x101;

/** Attributes that $STANDARD_INFORMATION and $FILE_NAME of system files have: hidden and system. */
export const SYSTEM_ATTRIBUTES = 0x06;
export const ARCHIVE_ATTRIBUTE = 0x20;
export const DIRECTORY_ATTRIBUTE = 0x10000000;
export const VIEW_INDEX_ATTRIBUTE = 0x20000000;
