import { decodeLatin1 } from './names.js';

/** A power of two. */
const SLOTS = 512;

/**
 * Names that were read lately. Few names of values are new: the same `ImagePath` and `Start` are in every service, and comparing bytes
 * with text at hand is faster than making the text again, and leaves nothing to collect.
 */
export class NameCache {
  readonly #slots: string[] = new Array<string>(SLOTS).fill('');

  /** Text of `length` bytes, at least one, of one byte a character. */
  latin1(bytes: Uint8Array, from: number, length: number): string {
    const last = bytes[from + length - 1]!;
    const slot = (length * 31 + bytes[from]! * 7 + bytes[from + (length >> 1)]! * 3 + last) & (SLOTS - 1);
    const known = this.#slots[slot]!;
    if (isSame(known, bytes, from, length)) return known;
    const text = decodeLatin1(bytes, from, length);
    this.#slots[slot] = text;
    return text;
  }
}

function isSame(text: string, bytes: Uint8Array, from: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[from + i]) return false;
  return true;
}
