function table(polynomial: number): Uint32Array {
  const t = new Uint32Array(256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1;
    t[n] = c >>> 0;
  }
  return t;
}

/** Eight tables for the slicing-by-8 form: table k advances a byte by k further bytes. */
function slices(polynomial: number): Uint32Array[] {
  const first = table(polynomial);
  const all = [first];
  for (let k = 1; k < 8; k++) {
    const previous = all[k - 1] as Uint32Array;
    all.push(previous.map((c) => ((first[c & 0xff] as number) ^ (c >>> 8)) >>> 0));
  }
  return all;
}

/** The reflected register update over `data`, without initial or final inversion. */
function update(s: Uint32Array[], seed: number, data: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = s as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  let c = seed >>> 0;
  let i = 0;
  const end = data.length;
  for (const stop = end - 7; i < stop; i += 8) {
    c ^= data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24);
    c =
      t7[c & 0xff]! ^
      t6[(c >>> 8) & 0xff]! ^
      t5[(c >>> 16) & 0xff]! ^
      t4[c >>> 24]! ^
      t3[data[i + 4]!]! ^
      t2[data[i + 5]!]! ^
      t1[data[i + 6]!]! ^
      t0[data[i + 7]!]!;
  }
  for (; i < end; i++) c = t0[(c ^ data[i]!) & 0xff]! ^ (c >>> 8);
  return c >>> 0;
}

/** Reflected polynomial of CRC-32 (ISO 3309 / IEEE 802.3). */
const CRC32_SLICES = slices(0xedb88320);
/** Reflected polynomial of CRC-32C (Castagnoli, RFC 3720 appendix B.4). */
const CRC32C_SLICES = slices(0x82f63b78);

/** CRC-32 as in ISO 3309 and GPT headers: initial value and final inversion included. `seed` continues an earlier one. */
export function crc32(data: Uint8Array, seed = 0): number {
  return ~update(CRC32_SLICES, ~seed, data) >>> 0;
}

/** CRC-32C as in RFC 3720: initial value and final inversion included. `seed` continues an earlier one. */
export function crc32c(data: Uint8Array, seed = 0): number {
  return ~update(CRC32C_SLICES, ~seed, data) >>> 0;
}

/** The bare CRC-32C register update, as ext4 and Btrfs chain it: no inversion at either end. */
export function crc32cRaw(seed: number, data: Uint8Array): number {
  return update(CRC32C_SLICES, seed, data);
}

const CRC16 = (() => {
  const t = new Uint16Array(256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xa001 : c >>> 1;
    t[n] = c;
  }
  return t;
})();

/** CRC-16 (polynomial 0x8005 reflected), as ext4's `uninit_bg` group checksums use it. */
export function crc16(seed: number, data: Uint8Array): number {
  let c = seed & 0xffff;
  for (const byte of data) c = (CRC16[(c ^ byte) & 0xff] as number) ^ (c >>> 8);
  return c & 0xffff;
}
