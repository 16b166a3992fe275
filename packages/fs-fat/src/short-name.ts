import type { CodePage } from './code-page.js';
import type { TakenNames } from './entry-format.js';
import { CaseFlag, EntryMark } from './layout.js';
import { stripDots } from './names.js';

const BASE = 8;
const EXTENSION = 3;
const RAW = BASE + EXTENSION;
const SPACE = 0x20;
/** Numbers tried behind the plain stem before part of it gives way to a hash. */
const PLAIN_TAILS = 9;
const MAX_TAIL = 999_999;

/** What 8.3 names are made of without loss. Microsoft FAT specification 1.03 §6.1. */
const PLAIN = /^[A-Z0-9$%'\-_@~`!(){}^#&]{1,8}(\.[A-Z0-9$%'\-_@~`!(){}^#&]{1,3})?$/;
/** Allowed in long names only. */
const LONG_ONLY = /[+,;=[\]]/;

/** The 11 bytes of a short name, and whether a long one is needed beside it. */
export interface ShortName {
  readonly raw: Uint8Array;
  readonly needsLong: boolean;
}

/** The text of a short name, with the lower case that Windows NT notes in `caseFlags`. */
export function decodeShortName(data: Uint8Array, at: number, caseFlags: number, page: CodePage): string {
  let base = field(data, at, BASE, page);
  let extension = field(data, at + BASE, EXTENSION, page);
  if ((caseFlags & CaseFlag.lowerBase) !== 0) base = base.toLowerCase();
  if ((caseFlags & CaseFlag.lowerExtension) !== 0) extension = extension.toLowerCase();
  return extension === '' ? base : `${base}.${extension}`;
}

function field(data: Uint8Array, at: number, length: number, page: CodePage): string {
  let end = length;
  while (end > 0 && data[at + end - 1] === SPACE) end--;
  if (end === 0) return '';
  // 0xE5 marks a deleted entry, so a name that starts with that byte is kept with 0x05 there.
  if (length === BASE && data[at] === EntryMark.kanjiE5) {
    return page.decode(Uint8Array.of(EntryMark.deleted), 0, 1) + page.decode(data, at + 1, end - 1);
  }
  return page.decode(data, at, end);
}

/** Checksum over a short name that ties long entries to it. Microsoft FAT specification 1.03 §7.2. */
export function shortNameChecksum(data: Uint8Array, at: number): number {
  let sum = 0;
  for (let i = at; i < at + RAW; i++) sum = (((sum & 1) << 7) + (sum >> 1) + data[i]!) & 0xff;
  return sum;
}

/** A short name that is not taken in its directory. */
export function makeShortName(longName: string, page: CodePage, taken: TakenNames): ShortName {
  if (PLAIN.test(longName)) return { raw: pack(...split(longName), page), needsLong: false };
  const upper = longName.toUpperCase();
  if (PLAIN.test(upper) && upper.length === longName.length && !taken.has(upper)) {
    return { raw: pack(...split(upper), page), needsLong: true };
  }
  const [stem, extension] = basis(longName, page);
  for (let n = 1; n <= PLAIN_TAILS; n++) {
    const name = withTail(stem, extension, n);
    if (!taken.has(name)) return { raw: pack(...split(name), page), needsLong: true };
  }
  const hashed = stem.slice(0, 2) + hash(longName);
  for (let n = 1; n <= MAX_TAIL; n++) {
    const name = withTail(hashed, extension, n);
    if (!taken.has(name)) return { raw: pack(...split(name), page), needsLong: true };
  }
  return { raw: pack(hashed, extension, page), needsLong: true };
}

/** The text under which {@link makeShortName} looks for a short name among those taken. */
export function shortNameText(raw: Uint8Array, page: CodePage): string {
  return decodeShortName(raw, 0, 0, page);
}

function split(name: string): [string, string] {
  const dot = name.lastIndexOf('.');
  return dot < 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1)];
}

/** Stem and extension of the basis name. Microsoft FAT specification 1.03 §7.5. */
function basis(longName: string, page: CodePage): [string, string] {
  const name = stripDots(longName).replace(/^[. ]+/, '');
  const [base, extension] = split(name);
  const stem = oem(base.replaceAll('.', ''), page, BASE);
  return [stem === '' ? '_' : stem, oem(extension, page, EXTENSION)];
}

/** Upper-case text of characters that a short name may have; others become underscores. */
function oem(text: string, page: CodePage, limit: number): string {
  let out = '';
  let length = 0;
  for (const char of text.replaceAll(' ', '')) {
    if (length === limit) break;
    const upper = char.toUpperCase();
    const keep = upper.length === 1 && !LONG_ONLY.test(upper) && page.codeOf(upper) !== undefined;
    out += keep ? upper : '_';
    length++;
  }
  return out;
}

function withTail(stem: string, extension: string, n: number): string {
  const tail = `~${n}`;
  const name = stem.slice(0, BASE - tail.length) + tail;
  return extension === '' ? name : `${name}.${extension}`;
}

/** Four hexadecimal digits of a name, so that many similar names do not all compete for the same tails. */
function hash(name: string): string {
  let value = 0x811c;
  for (let i = 0; i < name.length; i++) value = (Math.imul(value ^ name.charCodeAt(i), 0x0193) + (value >> 7)) & 0xffff;
  return value.toString(16).toUpperCase().padStart(4, '0');
}

function pack(stem: string, extension: string, page: CodePage): Uint8Array {
  const raw = new Uint8Array(RAW).fill(SPACE);
  raw.set(page.encode(stem)!.subarray(0, BASE));
  raw.set(page.encode(extension)!.subarray(0, EXTENSION), BASE);
  if (raw[0] === EntryMark.deleted) raw[0] = EntryMark.kanjiE5;
  return raw;
}
