import { CorruptImageError } from '@vmcraft/core/errors';

/** Code units of UTF-16. */
const UNITS = 65536;

/** The volume's table of upper-case letters, Linux-NTFS "$UpCase". */
export class UpcaseTable {
  readonly #table = new Uint16Array(UNITS);

  /** @param data contents of $UpCase; what a short table does not name is its own upper case */
  constructor(data: Uint8Array) {
    if (data.length % 2 !== 0 || data.length > UNITS * 2) {
      throw new CorruptImageError({ structure: '$UpCase', field: 'size', found: data.length, expected: UNITS * 2 });
    }
    const table = this.#table;
    const units = data.length / 2;
    for (let i = 0; i < units; i++) table[i] = data[i * 2]! | (data[i * 2 + 1]! << 8);
    for (let i = units; i < UNITS; i++) table[i] = i;
  }

  /** Compare names (UTF-16 bytes) by their upper case: negative, zero or positive. */
  compareFolded(a: Uint8Array, b: Uint8Array): number {
    const table = this.#table;
    const n = Math.min(a.length, b.length);
    for (let i = 0; i + 1 < n; i += 2) {
      const x = a[i]! | (a[i + 1]! << 8);
      const y = b[i]! | (b[i + 1]! << 8);
      if (x === y) continue;
      const d = table[x]! - table[y]!;
      if (d !== 0) return d;
    }
    return a.length - b.length;
  }

  /** Order of names in a directory: by upper case, then as they are. */
  compare(a: Uint8Array, b: Uint8Array): number {
    const folded = this.compareFolded(a, b);
    return folded !== 0 ? folded : compareExact(a, b);
  }

  /** Text in upper case. */
  fold(text: string): string {
    let out = '';
    for (let i = 0; i < text.length; i++) out += String.fromCharCode(this.#table[text.charCodeAt(i)]!);
    return out;
  }
}

function compareExact(a: Uint8Array, b: Uint8Array): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i + 1 < n; i += 2) {
    const d = (a[i]! | (a[i + 1]! << 8)) - (b[i]! | (b[i + 1]! << 8));
    if (d !== 0) return d;
  }
  return a.length - b.length;
}
