/** Constants of LZX with the window of 32 KiB that WIM and WOF use. [MS-PATCH] §2; block sizes as in the WIM format. */

/** Name in errors. */
export const LZX_NAME = 'LZX data';
/** Window and largest chunk, in bytes. */
export const MAX_CHUNK_BYTES = 32768;
/** Block size in bytes that one bit stands for. */
export const DEFAULT_BLOCK_BYTES = 32768;

export const BLOCK_VERBATIM = 1;
export const BLOCK_ALIGNED = 2;
export const BLOCK_UNCOMPRESSED = 3;

/** Symbols of the main code below this are bytes; the others are a position slot and a length of 0..7. */
export const LITERALS = 256;
/** Position slots of a 32 KiB window. */
const POSITION_SLOTS = 30;
/** Lengths that the main symbol itself gives are below this; with it, a symbol of the length code is added. */
export const PRIMARY_LENGTHS = 7;
export const MAIN_SYMBOLS = LITERALS + POSITION_SLOTS * 8;
export const LENGTH_SYMBOLS = 249;
export const ALIGNED_SYMBOLS = 8;
/** Low bits of a distance that the aligned code gives. */
export const ALIGNED_BITS = 3;
export const MIN_MATCH = 2;

/** By position slot: bits of the distance that follow. Slots come in pairs, from the fourth on. [MS-PATCH] §2.2 */
export const EXTRA_BITS = Uint8Array.from({ length: POSITION_SLOTS }, (_, slot) => Math.max(0, (slot >> 1) - 1));

/** By position slot: the distance when those bits are zero. Two less than the formatted offset that the slots count. */
export const OFFSET_BASES = ((): Int32Array => {
  const bases = new Int32Array(POSITION_SLOTS);
  let base = 0;
  for (let slot = 0; slot < POSITION_SLOTS; slot++) {
    bases[slot] = base - 2;
    base += 1 << EXTRA_BITS[slot]!;
  }
  return bases;
})();
