/** Whether two byte runs are equal. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Lexicographic order of unsigned bytes, as memcmp(3); negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const d = (a[i] as number) - (b[i] as number);
    if (d !== 0) return d;
  }
  return a.length - b.length;
}

const NO_WORDS = new Float64Array(0);

/** Whether all bytes are zero. Looks at eight bytes a step where alignment allows. */
export function isZero(data: Uint8Array): boolean {
  let i = 0;
  const head = Math.min(data.length, (8 - (data.byteOffset & 7)) & 7);
  for (; i < head; i++) if (data[i] !== 0) return false;
  const count = (data.length - i) >> 3;
  const words = count === 0 ? NO_WORDS : new Float64Array(data.buffer, data.byteOffset + i, count);
  // A double is zero for both +0 and -0, and -0 has one bit set: check with the integer view only on equality.
  for (let w = 0; w < words.length; w++) {
    const x = words[w] as number;
    if (x !== 0 || Object.is(x, -0)) return false;
  }
  for (i += words.length * 8; i < data.length; i++) if (data[i] !== 0) return false;
  return true;
}

/** All parts in one new buffer. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const p of parts) length += p.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}
