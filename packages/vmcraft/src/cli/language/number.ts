import { ShellError } from './shell-error.js';

/** Outcomes that guestfish names by number in its messages. */
const OVERFLOW = 1;
const INVALID_SUFFIX = 2;
const INVALID = 4;

const POWERS = 'kmgtpezy';
const LIMIT = 2n ** 63n;

/** A number with an optional size suffix, or the reason why it is none. */
type Scan = { readonly value: bigint } | { readonly failure: number };

/**
 * A number as C writes it (decimal, `0` octal, `0x` hexadecimal) with a size suffix: `K`, `KiB` = 1024, `KB` = 1000, up to `Y`
 * (guestfish(1), NUMBERS).
 */
function scanNumber(text: string): Scan {
  const match = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)?(.*)$/s.exec(text)!;
  const [, sign, digits, suffix = ''] = match;
  const scale = scaleOf(suffix);
  // A suffix by itself counts one: `G` is 1G.
  if (digits === undefined && (scale === undefined || suffix === '' || sign !== '')) return { failure: INVALID };
  if (scale === undefined) return { failure: INVALID_SUFFIX };
  const magnitude = digits === undefined ? 1n : parseDigits(digits);
  const value = (sign === '-' ? -magnitude : magnitude) * scale;
  return value >= LIMIT || value < -LIMIT ? { failure: OVERFLOW } : { value };
}

function parseDigits(digits: string): bigint {
  if (/^0[xX]/.test(digits)) return BigInt(digits);
  return digits.length > 1 && digits.startsWith('0') ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits);
}

/** The factor of a suffix; undefined when it is none. */
function scaleOf(suffix: string): bigint | undefined {
  if (suffix === '') return 1n;
  const match = /^([kKMGTPEZY])(iB|B|D)?$/.exec(suffix);
  if (match === null) return undefined;
  const base = match[2] === 'B' || match[2] === 'D' ? 1000n : 1024n;
  return base ** BigInt(POWERS.indexOf(match[1]!.toLowerCase()) + 1);
}

/**
 * The value of an integer argument.
 * @param where `command: argument`, for the message
 * @throws ShellError when it is no number, or does not fit
 */
export function parseInteger(text: string, bits: 32 | 64, where: string): number {
  const scan = scanNumber(text);
  if ('failure' in scan) {
    throw new ShellError(`${where}: invalid integer parameter (xstrtoll returned ${scan.failure})`);
  }
  const value = Number(scan.value);
  const fits = bits === 32 ? value >= -(2 ** 31) && value < 2 ** 31 : Number.isSafeInteger(value);
  if (!fits) throw new ShellError(`${where}: integer out of range`);
  return value;
}

/**
 * A size in bytes, as `alloc` and `-N` take it.
 * @throws ShellError when it is none
 */
export function parseSize(text: string): number {
  const scan: Scan = /^\s*-/.test(text) ? { failure: INVALID } : scanNumber(text);
  if ('failure' in scan)
    throw new ShellError(`parse_size: invalid integer parameter (xstrtoull returned ${scan.failure})`);
  const value = Number(scan.value);
  if (!Number.isSafeInteger(value)) throw new ShellError('parse_size: integer out of range');
  return value;
}
