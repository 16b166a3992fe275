import { compareBytes, encodeFileName } from '../binary/index.js';

/** Order of names by their bytes, as strcmp(3): the order of `ls` in the C locale. */
export function compareNames(a: string, b: string): number {
  if (a === b) return 0;
  const n = Math.min(a.length, b.length);
  let i = 0;
  while (i < n && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  const x = i < a.length ? a.charCodeAt(i) : -1;
  const y = i < b.length ? b.charCodeAt(i) : -1;
  // Below the surrogates, the order of UTF-16 units is that of UTF-8 bytes.
  if (x < 0xd800 && y < 0xd800) return x - y;
  return compareBytes(encodeFileName(a), encodeFileName(b));
}
