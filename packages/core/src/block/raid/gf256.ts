/** x^8 + x^4 + x^3 + x^2 + 1 without its highest term (H. Peter Anvin, "The mathematics of RAID-6", section 1). */
const POLYNOMIAL = 0x1d;

const POWERS = new Uint8Array(255);
const LOGARITHMS = new Uint8Array(256);
{
  let x = 1;
  for (let i = 0; i < 255; i++) {
    POWERS[i] = x;
    LOGARITHMS[x] = i;
    x = (x << 1) ^ (x & 0x80 ? 0x100 | POLYNOMIAL : 0);
  }
}

/** The generator {02} to a power. */
export function gfPower(exponent: number): number {
  return POWERS[((exponent % 255) + 255) % 255]!;
}

/** Product of two elements of GF(2^8). */
export function gfMultiply(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : POWERS[(LOGARITHMS[a]! + LOGARITHMS[b]!) % 255]!;
}

/** The inverse of an element that is not 0. */
export function gfInverse(a: number): number {
  return POWERS[(255 - LOGARITHMS[a]!) % 255]!;
}

/** Products of one factor with every byte; made when first asked for. */
const PRODUCTS: (Uint8Array | undefined)[] = [];

function productsOf(factor: number): Uint8Array {
  let table = PRODUCTS[factor];
  if (table === undefined) {
    table = Uint8Array.from({ length: 256 }, (_, x) => gfMultiply(factor, x));
    PRODUCTS[factor] = table;
  }
  return table;
}

/** `target ^= source`, byte by byte. Both have the same length. */
export function xorInto(target: Uint8Array, source: Uint8Array): void {
  const { length } = target;
  let i = 0;
  if (((target.byteOffset | source.byteOffset) & 3) === 0) {
    const words = length >> 2;
    const t = new Int32Array(target.buffer, target.byteOffset, words);
    const s = new Int32Array(source.buffer, source.byteOffset, words);
    for (let w = 0; w < words; w++) t[w]! ^= s[w]!;
    i = words << 2;
  }
  for (; i < length; i++) target[i]! ^= source[i]!;
}

/** `target ^= factor · source`. */
export function multiplyXorInto(target: Uint8Array, source: Uint8Array, factor: number): void {
  if (factor === 1) {
    xorInto(target, source);
    return;
  }
  const table = productsOf(factor);
  for (let i = 0; i < target.length; i++) target[i]! ^= table[source[i]!]!;
}

/** `target *= factor`. */
export function multiplyInPlace(target: Uint8Array, factor: number): void {
  if (factor === 1) return;
  const table = productsOf(factor);
  for (let i = 0; i < target.length; i++) target[i] = table[target[i]!]!;
}
