const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Lone low surrogates U+DC80..U+DCFF stand for the bytes 0x80..0xFF that are not UTF-8. */
const ESCAPE_BASE = 0xdc00;

/**
 * The text of a POSIX file name, which is bytes and need not be UTF-8. Bytes that are not part of valid UTF-8 become
 * lone surrogates (the `surrogateescape` form of PEP 383), so {@link encodeFileName} gives the same bytes back.
 */
export function decodeFileName(name: Uint8Array): string {
  let ascii = true;
  for (let i = 0; i < name.length; i++) {
    if (name[i]! >= 0x80) {
      ascii = false;
      break;
    }
  }
  if (ascii)
    return name.length < 64 ? String.fromCharCode.apply(null, name as unknown as number[]) : strict.decode(name);
  try {
    return strict.decode(name);
  } catch {
    return decodeEscaping(name);
  }
}

function decodeEscaping(name: Uint8Array): string {
  const parts: string[] = [];
  let start = 0;
  for (let i = 0; i < name.length; ) {
    const length = sequenceLength(name, i);
    if (length > 0) {
      i += length;
      continue;
    }
    if (i > start) parts.push(strict.decode(name.subarray(start, i)));
    parts.push(String.fromCharCode(ESCAPE_BASE + name[i]!));
    i += 1;
    start = i;
  }
  parts.push(strict.decode(name.subarray(start)));
  return parts.join('');
}

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

/** Length of the valid UTF-8 sequence at `i`, or 0: the Unicode Standard, table 3-7, "Well-Formed UTF-8 Byte Sequences". */
function sequenceLength(name: Uint8Array, i: number): number {
  const first = name[i]!;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const second = name[i + 1];
  if (second === undefined || !isContinuation(second)) return 0;
  if (first < 0xe0) return 2;
  if ((first === 0xe0 && second < 0xa0) || (first === 0xed && second > 0x9f)) return 0;
  if (!isContinuation(name[i + 2])) return 0;
  if (first < 0xf0) return 3;
  if ((first === 0xf0 && second < 0x90) || (first === 0xf4 && second > 0x8f)) return 0;
  return isContinuation(name[i + 3]) ? 4 : 0;
}

/** The bytes of a file name; the inverse of {@link decodeFileName}. */
export function encodeFileName(name: string): Uint8Array {
  if (!/[\ud800-\udfff]/.test(name)) return encoder.encode(name);
  const parts: number[] = [];
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit >= ESCAPE_BASE + 0x80 && unit <= ESCAPE_BASE + 0xff) {
      parts.push(unit - ESCAPE_BASE);
      continue;
    }
    const point = name.codePointAt(i)!;
    if (point > 0xffff) i += 1;
    parts.push(...encoder.encode(String.fromCodePoint(point)));
  }
  return Uint8Array.from(parts);
}
