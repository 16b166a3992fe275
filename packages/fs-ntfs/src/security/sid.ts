import { viewOf } from '@vmcraft/core/binary';
import { CorruptImageError, UsageError } from '@vmcraft/core/errors';

/** Security identifiers as text, `S-1-5-18`, and as bytes. [MS-DTYP] §2.4.2 */

const REVISION = 1;
const HEADER_BYTES = 8;
const MAX_SUB_AUTHORITIES = 15;
/** Authorities from here on are written in hexadecimal. [MS-DTYP] §2.4.2.1 */
const HEX_AUTHORITY = 2 ** 32;

/** Largest SID in bytes. */
export const MAX_SID_BYTES = HEADER_BYTES + 4 * MAX_SUB_AUTHORITIES;

/** Length in bytes of the SID at `offset`. @throws CorruptImageError when there is none */
export function sidLength(data: Uint8Array, offset: number): number {
  const count = data[offset + 1] ?? 0;
  const length = HEADER_BYTES + 4 * count;
  if (offset + length > data.length || data[offset] !== REVISION || count > MAX_SUB_AUTHORITIES) {
    throw new CorruptImageError({ structure: 'SID', reason: 'no SID at its place', citation: '[MS-DTYP] §2.4.2.2' });
  }
  return length;
}

/** Text of the SID at `offset`. @throws CorruptImageError when there is none */
export function decodeSid(data: Uint8Array, offset = 0): string {
  const count = (sidLength(data, offset) - HEADER_BYTES) / 4;
  const view = viewOf(data);
  const authority = view.getUint16(offset + 2) * 2 ** 32 + view.getUint32(offset + 4);
  let text = `S-1-${authority >= HEX_AUTHORITY ? `0x${authority.toString(16).padStart(12, '0')}` : authority}`;
  for (let i = 0; i < count; i++) text += `-${view.getUint32(offset + HEADER_BYTES + 4 * i, true)}`;
  return text;
}

/** Bytes of a SID in text. @throws UsageError when it is none */
export function encodeSid(text: string): Uint8Array {
  const match = /^S-1-(0x[0-9a-f]{1,12}|\d{1,10})((?:-\d{1,10}){0,15})$/i.exec(text);
  const parts = (match?.[2] ?? '').split('-').slice(1).map(Number);
  if (match === null || parts.some((part) => part > 0xffffffff)) throw new UsageError(`'${text}' is no SID`);
  const authority = Number(match[1]);
  const data = new Uint8Array(HEADER_BYTES + 4 * parts.length);
  const view = viewOf(data);
  data[0] = REVISION;
  data[1] = parts.length;
  view.setUint16(2, Math.floor(authority / 2 ** 32));
  view.setUint32(4, authority % 2 ** 32);
  for (const [i, part] of parts.entries()) view.setUint32(HEADER_BYTES + 4 * i, part, true);
  return data;
}
