/** Images in one backing chain, the top one included. */
export const MAX_CHAIN_DEPTH = 50;

/** Bytes read from the start of a file to tell its format. */
export const PROBE_WINDOW = 4096;

/** Bytes of format metadata held for the image the caller opened. */
export const TOP_METADATA_BYTES = 16 * 1024 * 1024;

/** Bytes of format metadata held for each image behind another. */
export const BACKING_METADATA_BYTES = 1024 * 1024;

/** Bytes of unpacked (compressed) clusters held for one image. */
export const UNPACKED_BYTES = 4 * 1024 * 1024;

/** Compressed clusters that are unpacked at the same time. */
export const UNPACK_CONCURRENCY = 4;

/** Largest unit (cluster, grain) that a compressed run may unpack to, in bytes. */
export const MAX_PACKED_UNIT = 2 * 1024 * 1024;
