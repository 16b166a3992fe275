import { FsError } from '@vmcraft/core/errors';
import { LongName } from './layout.js';

/** Characters that neither FAT long names nor exFAT names may have. Microsoft FAT specification 1.03 §7; exFAT specification §7.7.3. */
const FORBIDDEN = /[\u0000-\u001f"*/:<>?\\|]/;
/** Half of a surrogate pair; also how a byte that is not UTF-8 arrives. */
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
/** What a name read from an image may not contain, as no path could then name it. */
const UNREACHABLE = /[/\u0000]/g;

const ASCII = /^[\u0000-\u007f]*$/;

/** Upper case of one UTF-16 unit, where that is one unit too. */
function upperUnit(unit: number): number {
  const upper = String.fromCharCode(unit).toUpperCase();
  return upper.length === 1 ? upper.charCodeAt(0) : unit;
}

let table: Uint16Array | undefined;

/** Simple upper-casing, unit by unit: how VFAT compares names. */
export function foldUnicode(name: string): string {
  if (ASCII.test(name)) return name.toUpperCase();
  table ??= Uint16Array.from({ length: 65536 }, (_, unit) => upperUnit(unit));
  return foldWith(name, table);
}

/** A name with every UTF-16 unit mapped by a table. */
export function foldWith(name: string, upcase: Uint16Array): string {
  let out = '';
  for (let i = 0; i < name.length; i++) out += String.fromCharCode(upcase[name.charCodeAt(i)]!);
  return out;
}

/** A name without the trailing dots that Windows and Linux drop. */
export function stripDots(name: string): string {
  let end = name.length;
  while (end > 0 && name[end - 1] === '.') end--;
  return end === name.length ? name : name.slice(0, end);
}

/** A name from an image with what could not be part of a path replaced. */
export function reachable(name: string): string {
  return name.replace(UNREACHABLE, '\ufffd');
}

/**
 * Check a new name.
 * @throws FsError EINVAL, ENAMETOOLONG
 */
export function checkNewName(name: string, operation: string, trailingSpace: boolean): void {
  if (name.length > LongName.maxUnits) throw new FsError('ENAMETOOLONG', { operation, path: name });
  const reason =
    stripDots(name) === ''
      ? 'a name needs a character that is not a dot'
      : FORBIDDEN.test(name)
        ? 'FAT names cannot have control characters or any of " * / : < > ? \\ |'
        : LONE_SURROGATE.test(name)
          ? 'FAT names are Unicode; this one has bytes that are not UTF-8'
          : !trailingSpace && name.endsWith(' ')
            ? 'FAT names cannot end in a space'
            : undefined;
  if (reason !== undefined) throw new FsError('EINVAL', { operation, path: name, reason });
}
