import { LimitExceededError } from '@vmcraft/core/errors';

/** Bytes that an INF may have; the largest that Windows ships are about 3 MiB in UTF-16. */
export const MAX_INF_BYTES = 8 << 20;

/** How the text of an INF is stored. */
export type InfEncoding = 'utf-16le' | 'utf-16be' | 'utf-8' | 'windows-1252';

/** The text of an INF and how it was stored. */
export interface InfText {
  readonly text: string;
  readonly encoding: InfEncoding;
}

/**
 * Decode the bytes of an INF. A byte-order mark decides; without one, bytes that are no valid UTF-8 are ANSI (windows-1252), as Windows
 * reads them on a western system.
 * @throws LimitExceededError above 8 MiB
 */
export function decodeInfText(bytes: Uint8Array): InfText {
  if (bytes.length > MAX_INF_BYTES) {
    throw new LimitExceededError({ limit: 'size of an INF', value: bytes.length, max: MAX_INF_BYTES });
  }
  const encoding = encodingOf(bytes);
  return { text: new TextDecoder(encoding).decode(bytes), encoding };
}

function encodingOf(bytes: Uint8Array): InfEncoding {
  const [a, b] = bytes;
  if (a === 0xff && b === 0xfe) return 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  // An INF begins with ASCII: a comment, a section or a line end. A NUL beside it means 16-bit text without a mark.
  if (a !== 0 && b === 0) return 'utf-16le';
  if (a === 0 && b !== 0 && b !== undefined) return 'utf-16be';
  return isUtf8(bytes) ? 'utf-8' : 'windows-1252';
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
