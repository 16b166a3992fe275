/** Fill the table of one byte of a reflected polynomial: an entry is the sum of those of its bits. */
function fillTable(t: Int32Array | Uint16Array, polynomial: number): void {
  let c = 1;
  for (let bit = 128; bit > 0; bit >>= 1) {
    c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1;
    for (let n = 0; n < 256; n += 2 * bit) t[n + bit] = c ^ t[n]!;
  }
}

/** Bytes that one step of the loop takes. */
const STEP = 16;
/** Less than this is not worth a view of its words. */
const MIN_WORDS = 64;
const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Tables for the slicing-by-16 form, one after the other: table k advances a byte by k further bytes. */
function slices(polynomial: number): Int32Array {
  const all = new Int32Array(256 * STEP);
  fillTable(all, polynomial);
  for (let i = 256; i < all.length; i++) {
    const c = all[i - 256]!;
    all[i] = all[c & 0xff]! ^ (c >>> 8);
  }
  return all;
}

/** The reflected register update over `data`, without initial or final inversion. */
function update(t: Int32Array, seed: number, data: Uint8Array): number {
  const end = data.length;
  if (end < MIN_WORDS || !IS_LITTLE_ENDIAN) return updateBytes(t, seed, data, 0, end) >>> 0;
  // Whole words are read through a view of 32-bit integers, which must begin at a multiple of four.
  const lead = -data.byteOffset & 3;
  let c = updateBytes(t, seed, data, 0, lead);
  const words = ((end - lead) >>> 4) << 2;
  const w = new Int32Array(data.buffer, data.byteOffset + lead, words);
  for (let k = 0; k < words; k += 4) {
    const a = w[k]! ^ c;
    const b = w[k + 1]!;
    const d = w[k + 2]!;
    const e = w[k + 3]!;
    c =
      t[0xf00 + (a & 0xff)]! ^
      t[0xe00 + ((a >>> 8) & 0xff)]! ^
      t[0xd00 + ((a >>> 16) & 0xff)]! ^
      t[0xc00 + (a >>> 24)]! ^
      t[0xb00 + (b & 0xff)]! ^
      t[0xa00 + ((b >>> 8) & 0xff)]! ^
      t[0x900 + ((b >>> 16) & 0xff)]! ^
      t[0x800 + (b >>> 24)]! ^
      t[0x700 + (d & 0xff)]! ^
      t[0x600 + ((d >>> 8) & 0xff)]! ^
      t[0x500 + ((d >>> 16) & 0xff)]! ^
      t[0x400 + (d >>> 24)]! ^
      t[0x300 + (e & 0xff)]! ^
      t[0x200 + ((e >>> 8) & 0xff)]! ^
      t[0x100 + ((e >>> 16) & 0xff)]! ^
      t[e >>> 24]!;
  }
  return updateBytes(t, c, data, lead + words * 4, end) >>> 0;
}

function updateBytes(t: Int32Array, seed: number, data: Uint8Array, from: number, to: number): number {
  let c = seed;
  for (let i = from; i < to; i++) c = t[(c ^ data[i]!) & 0xff]! ^ (c >>> 8);
  return c;
}

/** Reflected polynomial of CRC-32 (ISO 3309 / IEEE 802.3). */
const CRC32_POLYNOMIAL = 0xedb88320;
/** Reflected polynomial of CRC-32C (Castagnoli, RFC 3720 appendix B.4). */
const CRC32C_POLYNOMIAL = 0x82f63b78;
// Made when first needed: making them takes longer than most programs need them.
let crc32Slices: Int32Array | undefined;
let crc32cSlices: Int32Array | undefined;

/** CRC-32 as in ISO 3309 and GPT headers: initial value and final inversion included. `seed` continues an earlier one. */
export function crc32(data: Uint8Array, seed = 0): number {
  crc32Slices ??= slices(CRC32_POLYNOMIAL);
  return ~update(crc32Slices, ~seed, data) >>> 0;
}

/** CRC-32C as in RFC 3720: initial value and final inversion included. `seed` continues an earlier one. */
export function crc32c(data: Uint8Array, seed = 0): number {
  crc32cSlices ??= slices(CRC32C_POLYNOMIAL);
  return ~update(crc32cSlices, ~seed, data) >>> 0;
}

/** The bare CRC-32C register update, as ext4 and Btrfs chain it: no inversion at either end. */
export function crc32cRaw(seed: number, data: Uint8Array): number {
  crc32cSlices ??= slices(CRC32C_POLYNOMIAL);
  return update(crc32cSlices, seed, data);
}

let crc16Table: Uint16Array | undefined;

/** CRC-16 (polynomial 0x8005 reflected), as ext4's `uninit_bg` group checksums use it. */
export function crc16(seed: number, data: Uint8Array): number {
  if (crc16Table === undefined) {
    crc16Table = new Uint16Array(256);
    fillTable(crc16Table, 0xa001);
  }
  let c = seed & 0xffff;
  for (const byte of data) c = crc16Table[(c ^ byte) & 0xff]! ^ (c >>> 8);
  return c & 0xffff;
}
