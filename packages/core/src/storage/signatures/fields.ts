import { crc32, decodeUtf8, decodeUtf16, isZero, toHex, uuidToString } from '../../binary/index.js';
import type { SignatureDetails } from './signature.js';

/** Details without the members that are undefined or empty. */
export function details(facts: { [K in keyof SignatureDetails]: SignatureDetails[K] | undefined }): SignatureDetails {
  return Object.fromEntries(Object.entries(facts).filter(([, v]) => v !== undefined && v !== '')) as SignatureDetails;
}

/** The bytes of a field. */
export function slice(view: DataView, offset: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, length);
}

/** UTF-8 text padded with NUL or spaces; undefined when there is none. */
export function label(view: DataView, offset: number, length: number): string | undefined {
  const raw = slice(view, offset, length);
  const end = raw.indexOf(0);
  return nonEmpty(decodeUtf8(end < 0 ? raw : raw.subarray(0, end)).trimEnd());
}

/** Little-endian UTF-16 text padded with NUL. */
export function labelUtf16(data: Uint8Array): string | undefined {
  return nonEmpty(decodeUtf16(data).trimEnd());
}

/** Big-endian UTF-16 text padded with NUL. */
export function labelUtf16be(data: Uint8Array): string | undefined {
  const swapped = data.slice(0, data.length & ~1);
  for (let i = 0; i + 1 < swapped.length; i += 2) [swapped[i], swapped[i + 1]] = [swapped[i + 1]!, swapped[i]!];
  return labelUtf16(swapped);
}

/** A UUID in RFC 4122 order; undefined when all zero. */
export function uuidAt(view: DataView, offset: number): string | undefined {
  const raw = slice(view, offset, 16);
  return isZero(raw) ? undefined : uuidToString(raw);
}

/** A 64-bit serial number as upper-case hexadecimal. */
export function serial64(view: DataView, offset: number): string {
  return view.getBigUint64(offset, true).toString(16).toUpperCase().padStart(16, '0');
}

/** A 32-bit serial number as FAT shows it: `ABCD-1234`. */
export function serial32(view: DataView, offset: number): string {
  const digits = view.getUint32(offset, true).toString(16).toUpperCase().padStart(8, '0');
  return `${digits.slice(0, 4)}-${digits.slice(4)}`;
}

/** CRC-32 register update with an initial value and no inversions, as LVM and NILFS use it. */
export function crc32Raw(seed: number, data: Uint8Array): number {
  return ~crc32(data, ~seed) >>> 0;
}

/** Lower-case hexadecimal digits of a field. */
export function hexAt(view: DataView, offset: number, length: number): string {
  return toHex(slice(view, offset, length));
}

function nonEmpty(value: string): string | undefined {
  return value === '' ? undefined : value;
}
