import { compareBytes, decodeFileName, encodeUtf8 } from '@vmcraft/core/binary';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;

/**
 * The folded form of a name in a casefold directory: full case folding and canonical decomposition, with ignorable code points left
 * out (NFDICF of the kernel's Unicode tables). Undefined for names that are not UTF-8: those compare as bytes.
 */
export function foldName(name: Uint8Array): Uint8Array | undefined {
  if (isAscii(name)) return asciiFold(name);
  let text: string;
  try {
    text = strict.decode(name);
  } catch {
    return undefined;
  }
  let folded = '';
  for (const character of text.normalize('NFD')) folded += foldCharacter(character);
  return encodeUtf8(folded.replace(IGNORABLE, '').normalize('NFD'));
}

/** Whether two names are the same in a casefold directory. */
export function sameFolded(a: Uint8Array, b: Uint8Array): boolean {
  const x = foldName(a);
  const y = foldName(b);
  if (x === undefined || y === undefined) return compareBytes(a, b) === 0;
  return compareBytes(x, y) === 0;
}

/** Blocks with letters that got a case after Unicode 12.1, which the format's tables stop at. */
const CASED_LATER =
  /[\u0870-\u089f\u2c2f\u2c5f\ua7c0-\ua7ff\u{10570}-\u{105bf}\u{10d40}-\u{10d8f}\u{16e80}-\u{16eff}]/u;

/** Whether a name may have been hashed in another folded form than {@link foldName} gives, as Unicode was younger then. */
export function mayFoldOtherwise(name: Uint8Array): boolean {
  return !isAscii(name) && CASED_LATER.test(decodeFileName(name));
}

/** Whether a name is valid UTF-8. */
export function isUtf8(name: Uint8Array): boolean {
  return !/[\udc80-\udcff]/.test(decodeFileName(name).replace(/[\ud800-\udbff][\udc00-\udfff]/g, ''));
}

function isAscii(name: Uint8Array): boolean {
  for (const byte of name) if (byte >= 0x80) return false;
  return true;
}

function asciiFold(name: Uint8Array): Uint8Array {
  return name.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));
}

/**
 * Full case folding (CaseFolding.txt, statuses C and F) of one character by the language's own case mappings. Through the capital
 * form, as folding joins what shares one; the exceptions fold otherwise than their capital says.
 */
function foldCharacter(character: string): string {
  const point = character.codePointAt(0)!;
  // Dotless i has a capital I, but folds to itself.
  if (point === 0x131) return character;
  // Cherokee folds to its capitals, which came first.
  if (point >= 0x13a0 && point <= 0x13f5) return character;
  if ((point >= 0x13f8 && point <= 0x13fd) || (point >= 0xab70 && point <= 0xabbf)) return character.toUpperCase();
  let out = '';
  for (const capital of character.toLowerCase().toUpperCase()) out += capital.toLowerCase();
  return out;
}
