import type { FieldType } from './field.js';

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** Lower-case hexadecimal text of bytes. */
export function toHex(data: Uint8Array): string {
  let out = '';
  for (const byte of data) out += HEX[byte];
  return out;
}

/** Bytes of hexadecimal text; whitespace and dashes are ignored. */
export function fromHex(text: string): Uint8Array {
  const clean = text.replace(/[\s-]/g, '');
  return Uint8Array.from({ length: clean.length >> 1 }, (_, i) => Number.parseInt(clean.slice(i * 2, i * 2 + 2), 16));
}

function dashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Text of 16 bytes in RFC 4122 order (big-endian), lower case, as file systems print it. */
export function uuidToString(data: Uint8Array): string {
  return dashed(toHex(data.subarray(0, 16)));
}

/** 16 bytes of a UUID in RFC 4122 order. Returns undefined when the text is not a UUID. */
export function parseUuid(text: string): Uint8Array | undefined {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? fromHex(text) : undefined;
}

/** The first three fields of a GUID are little-endian on disk (UEFI 2.10 appendix A). */
const MIXED = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

/** A GUID in Microsoft and UEFI byte order, as lower-case text. */
export const guid: FieldType<string> = {
  size: 16,
  read: (view, offset) => dashed(toHex(Uint8Array.from(MIXED, (i) => view.getUint8(offset + i)))),
  write: (view, offset, value) => {
    const big = fromHex(value);
    for (const [k, i] of MIXED.entries()) view.setUint8(offset + i, big[k] as number);
  },
};

/** A UUID in RFC 4122 byte order, as lower-case text. */
export const uuid: FieldType<string> = {
  size: 16,
  read: (view, offset) => uuidToString(new Uint8Array(view.buffer, view.byteOffset + offset, 16)),
  write: (view, offset, value) => new Uint8Array(view.buffer, view.byteOffset + offset, 16).set(fromHex(value)),
};
