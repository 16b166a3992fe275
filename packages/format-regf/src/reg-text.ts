import { concatBytes, encodeUtf16 } from '@vmcraft/core/binary';
import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import { decodeLatin1, decodeUnits } from './names.js';

/** Version of a .reg file: 4 is `REGEDIT4` in the ANSI code page, 5 is UTF-16. */
export type RegVersion = 4 | 5;

/** First lines. */
export const REG_HEADER: Readonly<Record<RegVersion, string>> = {
  4: 'REGEDIT4',
  5: 'Windows Registry Editor Version 5.00',
};

/** Characters 0x80 to 0x9f of code page 1252; the others are those of ISO 8859-1. Some versions of Node decode it without them. */
const HIGH =
  '\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f' +
  '\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178';
let toAnsi: Map<string, number> | undefined;

/** Text of bytes in code page 1252. */
export function decodeAnsi(data: Uint8Array): string {
  return decodeLatin1(data).replace(/[\x80-\x9f]/g, (char) => HIGH[char.charCodeAt(0) - 0x80]!);
}

/**
 * Bytes of text in code page 1252.
 * @throws UnsupportedFeatureError when it has other characters
 */
export function encodeAnsi(text: string): Uint8Array {
  toAnsi ??= new Map(Array.from({ length: 256 }, (_, i) => [decodeAnsi(Uint8Array.of(i)), i]));
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const byte = toAnsi.get(text[i]!);
    if (byte === undefined) {
      throw new UnsupportedFeatureError({
        feature: `the character U+${text.charCodeAt(i).toString(16).padStart(4, '0')} in a REGEDIT4 file`,
        workaround: 'use version 5',
      });
    }
    out[i] = byte;
  }
  return out;
}

/** The bytes of a .reg file: UTF-16LE with a byte order mark, or for version 4 code page 1252. */
export function encodeRegFile(text: string, version: RegVersion = 5): Uint8Array {
  return version === 4 ? encodeAnsi(text) : concatBytes([Uint8Array.of(0xff, 0xfe), encodeUtf16(text)]);
}

/** The text of a .reg file, whichever way it is encoded: UTF-16 or UTF-8 with a mark, plain UTF-8, or code page 1252. */
export function decodeRegFile(data: Uint8Array): string {
  const [a, b, c] = data;
  if (a === 0xff && b === 0xfe) return decodeUnits(data.subarray(2));
  if (a === 0xfe && b === 0xff) return new TextDecoder('utf-16be').decode(data.subarray(2));
  if (a === 0xef && b === 0xbb && c === 0xbf) return new TextDecoder().decode(data);
  const isOld = decodeAnsi(data.subarray(0, REG_HEADER[4].length)) === REG_HEADER[4];
  if (isOld) return decodeAnsi(data);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data);
  } catch {
    return decodeAnsi(data);
  }
}
