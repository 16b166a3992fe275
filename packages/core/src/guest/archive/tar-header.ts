import { encodeFileName } from '../../binary/index.js';
import { CorruptImageError } from '../../errors/index.js';

/** Unit in which tar archives are laid out, bytes. */
export const BLOCK = 512;

/** Offset and length of each header field: POSIX.1-2017 pax, "ustar Interchange Format". */
const FIELD = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkname: [157, 100],
  magic: [257, 6],
  version: [263, 2],
  userName: [265, 32],
  groupName: [297, 32],
  major: [329, 8],
  minor: [337, 8],
  prefix: [345, 155],
} as const;
type FieldName = keyof typeof FIELD;

/** Fields of a header. Names are bytes as they are stored. */
export interface TarHeader {
  readonly name: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  /** The letter: `0` file, `1` hard link, `2` symbolic link, … */
  readonly type: string;
  readonly linkname: Uint8Array;
  readonly userName: Uint8Array;
  readonly groupName: Uint8Array;
  readonly major: number;
  readonly minor: number;
}

const USTAR = 'ustar\0';
const SLASH = 0x2f;

export function corruptTar(reason: string): CorruptImageError {
  return new CorruptImageError({ structure: 'tar', reason, citation: 'POSIX.1-2017 pax' });
}

/** The header in a block; undefined when it is all zeros, which ends an archive. @throws CorruptImageError */
export function decodeHeader(block: Uint8Array): TarHeader | undefined {
  const sum = checksums(block);
  if (sum.unsigned === 8 * 0x20 && block.every((byte) => byte === 0)) return undefined;
  const stored = /^ *([0-7]+)[ \0]*$/.exec(latin1(block.subarray(148, 156)))?.[1];
  const checksum = Number.parseInt(stored ?? '', 8);
  if (checksum !== sum.unsigned && checksum !== sum.signed) throw corruptTar('this does not look like a tar archive');
  const text = (field: FieldName) => bytesAt(block, FIELD[field][0], FIELD[field][1]);
  const number = (field: FieldName) => numberAt(block, FIELD[field][0], FIELD[field][1]);
  const isPosix = latin1(block.subarray(257, 263)) === USTAR;
  const prefix = isPosix ? text('prefix') : new Uint8Array(0);
  const name = text('name');
  return {
    name: prefix.length === 0 ? name : Uint8Array.of(...prefix, SLASH, ...name),
    mode: number('mode') & 0o7777,
    uid: number('uid'),
    gid: number('gid'),
    size: number('size'),
    mtime: number('mtime'),
    type: block[156] === 0 ? '0' : String.fromCharCode(block[156]!),
    linkname: text('linkname'),
    userName: text('userName'),
    groupName: text('groupName'),
    major: number('major'),
    minor: number('minor'),
  };
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Some old programs summed signed bytes. */
function checksums(block: Uint8Array): { signed: number; unsigned: number } {
  let unsigned = 8 * 0x20;
  let signed = unsigned;
  for (let i = 0; i < BLOCK; i++) {
    if (i >= 148 && i < 156) continue;
    const byte = block[i]!;
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  return { signed, unsigned };
}

/** Bytes up to a NUL. */
export function bytesAt(block: Uint8Array, offset: number, length: number): Uint8Array {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return (end < 0 ? field : field.subarray(0, end)).slice();
}

/** An octal number, or a base-256 one as GNU tar writes where octal digits do not suffice. */
export function numberAt(block: Uint8Array, offset: number, length: number): number {
  const first = block[offset]!;
  if (first === 0x80 || first === 0xff) return base256(block.subarray(offset, offset + length), first === 0xff);
  const text = latin1(bytesAt(block, offset, length)).trim();
  if (text === '') return 0;
  if (!/^[0-7]+$/.test(text)) throw corruptTar(`'${text}' is no octal number`);
  return Number.parseInt(text, 8);
}

function base256(bytes: Uint8Array, isNegative: boolean): number {
  let value = 0n;
  for (let i = isNegative ? 0 : 1; i < bytes.length; i++) value = (value << 8n) | BigInt(bytes[i]!);
  if (isNegative) value -= 1n << BigInt(8 * bytes.length);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw corruptTar(`a number of ${value}`);
  return number;
}

/** Whether a number fits the octal digits of a field. */
export function fitsOctal(value: number, field: 'uid' | 'gid' | 'size' | 'mtime' | 'major' | 'minor'): boolean {
  return value >= 0 && value < 8 ** (FIELD[field][1] - 1);
}

/** A name as the fields `name` and `prefix` hold it; undefined when it is too long for them. */
export function splitName(name: Uint8Array): { name: Uint8Array; prefix: Uint8Array } | undefined {
  if (name.length <= FIELD.name[1]) return { name, prefix: new Uint8Array(0) };
  for (let at = Math.min(name.length - 2, FIELD.prefix[1]); at > 0; at--) {
    if (name[at] !== SLASH) continue;
    const rest = name.subarray(at + 1);
    return rest.length <= FIELD.name[1] ? { name: rest, prefix: name.subarray(0, at) } : undefined;
  }
  return undefined;
}

/** A header block. Numbers and names that do not fit must be in PAX records before it; they are cut here. */
export function encodeHeader(header: TarHeader): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (field: FieldName, bytes: Uint8Array): void => {
    const [offset, length] = FIELD[field];
    block.set(bytes.subarray(0, length), offset);
  };
  const octal = (field: FieldName, value: number): void => {
    const digits = FIELD[field][1] - 1;
    const stored = Math.min(Math.max(value, 0), 8 ** digits - 1);
    put(field, encodeFileName(stored.toString(8).padStart(digits, '0')));
  };
  const { name, prefix } = splitName(header.name) ?? { name: header.name, prefix: new Uint8Array(0) };
  put('name', name);
  put('prefix', prefix);
  for (const field of ['mode', 'uid', 'gid', 'size', 'mtime', 'major', 'minor'] as const) octal(field, header[field]);
  put('type', encodeFileName(header.type));
  put('linkname', header.linkname);
  put('magic', encodeFileName(USTAR));
  put('version', encodeFileName('00'));
  // The fields of names end with a NUL.
  put('userName', header.userName.subarray(0, FIELD.userName[1] - 1));
  put('groupName', header.groupName.subarray(0, FIELD.groupName[1] - 1));
  put('checksum', encodeFileName(`${checksums(block).unsigned.toString(8).padStart(6, '0')}\0 `));
  return block;
}
