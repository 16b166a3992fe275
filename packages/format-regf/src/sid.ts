import { viewOf } from '@vmcraft/core/binary';
import { CorruptImageError, UsageError } from '@vmcraft/core/errors';

const CITATION = '[MS-DTYP] section 2.4.2';
const HEADER = 8;
const MAX_SUBAUTHORITIES = 15;
/** Authorities from this on are written in hexadecimal. [MS-DTYP] section 2.4.2.1. */
const FIRST_HEX_AUTHORITY = 2 ** 32;

/**
 * A security identifier as text, `S-1-5-32-544`.
 * @throws CorruptImageError when the bytes are none
 */
export function formatSid(data: Uint8Array): string {
  const length = sidLength(data);
  const view = viewOf(data);
  const authority = view.getUint16(2) * 2 ** 32 + view.getUint32(4);
  let text = `S-${data[0]}-${authority >= FIRST_HEX_AUTHORITY ? `0x${authority.toString(16)}` : authority}`;
  for (let at = HEADER; at < length; at += 4) text += `-${view.getUint32(at, true)}`;
  return text;
}

/**
 * Bytes that a security identifier at the start of `data` takes.
 * @throws CorruptImageError when there is none
 */
export function sidLength(data: Uint8Array): number {
  const count = data[1] ?? 0;
  const length = HEADER + count * 4;
  if (data[0] !== 1 || count > MAX_SUBAUTHORITIES || data.length < length) {
    throw new CorruptImageError({ structure: 'SID', reason: 'not a security identifier', citation: CITATION });
  }
  return length;
}

/**
 * The bytes of a security identifier written `S-1-...`.
 * @throws UsageError when the text is none
 */
export function parseSid(text: string): Uint8Array {
  const match = /^S-1-(\d{1,10}|0x[0-9a-f]{1,12})((?:-\d{1,10}){0,15})$/i.exec(text);
  const parts = (match?.[2] ?? '').split('-').slice(1).map(Number);
  const authority = Number(match?.[1]);
  if (match === null || parts.some((part) => part > 0xffffffff) || authority >= 2 ** 48) {
    throw new UsageError(`'${text}' is no security identifier`, { argument: 'sid' });
  }
  const out = new Uint8Array(HEADER + parts.length * 4);
  const view = viewOf(out);
  out[0] = 1;
  out[1] = parts.length;
  view.setUint16(2, Math.floor(authority / 2 ** 32));
  view.setUint32(4, authority % 2 ** 32);
  for (const [i, part] of parts.entries()) view.setUint32(HEADER + i * 4, part, true);
  return out;
}
