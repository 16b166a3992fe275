import { concatBytes, decodeFileName, encodeFileName } from '../../binary/index.js';
import type { Timestamp } from '../../contracts/index.js';
import { corruptTar } from './tar-header.js';

/** Keyword and value of a PAX extended header record. Values are bytes: attributes have any. */
export type PaxRecord = readonly [key: string, value: Uint8Array];

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;
/** Digits that the length of a record may have. */
const MAX_DIGITS = 10;

/** Records of an extended header: `LENGTH KEY=VALUE\n`, POSIX.1-2017 pax, "pax Extended Header". @throws CorruptImageError */
export function decodePax(data: Uint8Array): PaxRecord[] {
  const records: PaxRecord[] = [];
  for (let at = 0; at < data.length && data[at] !== 0; ) {
    const space = data.indexOf(SPACE, at);
    if (space < 0 || space - at > MAX_DIGITS) throw corruptTar('a PAX record without a length');
    const digits = decodeFileName(data.subarray(at, space));
    const end = at + Number.parseInt(digits, 10);
    if (!/^\d+$/.test(digits) || end > data.length || end <= space + 1 || data[end - 1] !== NEWLINE) {
      throw corruptTar('a PAX record with a wrong length');
    }
    const equals = data.indexOf(EQUALS, space + 1);
    if (equals < 0 || equals >= end) throw corruptTar('a PAX record without a value');
    records.push([decodeFileName(data.subarray(space + 1, equals)), data.slice(equals + 1, end - 1)]);
    at = end;
  }
  return records;
}

/** The bytes of an extended header. */
export function encodePax(records: readonly PaxRecord[]): Uint8Array {
  const newline = Uint8Array.of(NEWLINE);
  return concatBytes(
    records.flatMap(([key, value]) => {
      const name = encodeFileName(` ${key}=`);
      const rest = name.length + value.length + 1;
      let length = rest + String(rest).length;
      if (String(length).length > String(rest).length) length += 1;
      return [encodeFileName(String(length)), name, value, newline];
    }),
  );
}

/** `-1.25` as a time. @throws CorruptImageError */
export function parsePaxTime(text: string): Timestamp {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (match === null) throw corruptTar(`'${text}' is no time`);
  const sec = Number(match[2]);
  const nsec = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  if (match[1] === '') return { sec, nsec };
  return nsec === 0 ? { sec: 0 - sec, nsec: 0 } : { sec: -sec - 1, nsec: 1e9 - nsec };
}

/** A time as decimal seconds. */
export function formatPaxTime({ sec, nsec }: Timestamp): string {
  if (nsec === 0) return String(sec);
  const isNegative = sec < 0;
  const seconds = isNegative ? -(sec + 1) : sec;
  const fraction = String(isNegative ? 1e9 - nsec : nsec)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${isNegative ? '-' : ''}${seconds}.${fraction}`;
}
