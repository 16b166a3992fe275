import { encodeUtf16 } from '@vmcraft/core/binary';
import { upcaseUnit } from './upcase.js';

const CHUNK = 4096;
/** Up to this length text is made from a kept array of just its length, which is faster than any decoder. */
const SHORT = 96;
const scratch: number[][] = Array.from({ length: SHORT + 1 }, (_, length) => new Array<number>(length).fill(0));
const wide = new Uint16Array(CHUNK);

/** Text of one byte a character (ISO 8859-1), as compressed names are, of `length` bytes of `data`. */
export function decodeLatin1(data: Uint8Array, from = 0, length = data.length - from): string {
  if (length <= SHORT) {
    const units = scratch[length]!;
    for (let i = 0, at = from; i < length; i++, at++) units[i] = data[at]!;
    return String.fromCharCode.apply(null, units);
  }
  let out = '';
  const end = from + length;
  for (let i = from; i < end; i += CHUNK) {
    out += String.fromCharCode.apply(null, data.subarray(i, Math.min(end, i + CHUNK)) as unknown as number[]);
  }
  return out;
}

/** All UTF-16LE units of `length` bytes of `data`, lone surrogates and NULs included; an odd last byte is left out. */
export function decodeUnits(data: Uint8Array, from = 0, length = data.length - from): string {
  const count = length >> 1;
  if (count <= SHORT) {
    const units = scratch[count]!;
    for (let i = 0, at = from; i < count; i++, at += 2) units[i] = data[at]! | (data[at + 1]! << 8);
    return String.fromCharCode.apply(null, units);
  }
  let out = '';
  for (let start = 0; start < count; start += CHUNK) {
    const part = Math.min(CHUNK, count - start);
    for (let i = 0, at = from + start * 2; i < part; i++, at += 2) wide[i] = data[at]! | (data[at + 1]! << 8);
    out += String.fromCharCode.apply(null, wide.subarray(0, part) as unknown as number[]);
  }
  return out;
}

/** A name as it is stored. */
export interface StoredName {
  readonly bytes: Uint8Array;
  /** One byte a character; otherwise UTF-16LE. */
  readonly compressed: boolean;
}

/** Windows stores a name with one byte a character when every character fits. */
export function encodeName(name: string): StoredName {
  const bytes = new Uint8Array(name.length);
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit > 0xff) return { bytes: encodeUtf16(name), compressed: false };
    bytes[i] = unit;
  }
  return { bytes, compressed: true };
}

/** Hash of a key's name in a hash leaf. Section "Hash leaf", note. */
export function nameHash(name: string): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 37) + upcaseUnit(name.charCodeAt(i))) >>> 0;
  return hash;
}

/** First four characters of a key's name in a fast leaf; all zeros unless they are ASCII. Section "Fast leaf". */
export function nameHint(name: string): number {
  let hint = 0;
  for (let i = 0; i < Math.min(4, name.length); i++) {
    const unit = name.charCodeAt(i);
    if (unit > 0x7f) return 0;
    hint |= unit << (8 * i);
  }
  return hint >>> 0;
}
