import type { FsStat, FsStatvfs } from '@vmcraft/core';
import type { Wire } from './codec.js';
import { asText } from './library.js';

/** A structure of the library by its field names. Structures and hashes arrive as keys and values in turn. */
export function fieldsOf(value: readonly Wire[]): ReadonlyMap<string, Wire> {
  const fields = new Map<string, Wire>();
  for (let i = 0; i + 1 < value.length; i += 2) fields.set(asText(value[i]), value[i + 1] ?? null);
  return fields;
}

/** A field as a number. */
export function numberOf(fields: ReadonlyMap<string, Wire>, name: string): number {
  return Number(asText(fields.get(name)));
}

/** A `guestfs_statns` structure. */
export function statOf(value: readonly Wire[]): FsStat & { readonly dev: number } {
  const fields = fieldsOf(value);
  const n = (name: string): number => numberOf(fields, `st_${name}`);
  const time = (name: string) => ({ sec: n(`${name}_sec`), nsec: n(`${name}_nsec`) });
  return {
    dev: n('dev'),
    ino: n('ino'),
    mode: n('mode'),
    nlink: n('nlink'),
    uid: n('uid'),
    gid: n('gid'),
    rdev: deviceNumber(n('rdev')),
    size: n('size'),
    blocks: n('blocks'),
    blockSize: n('blksize'),
    atime: time('atime'),
    mtime: time('mtime'),
    ctime: time('ctime'),
  };
}

/** A device number as makedev(3) of glibc makes it, taken apart. */
function deviceNumber(value: number): { major: number; minor: number } {
  const dev = BigInt(value);
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return { major: Number(major), minor: Number(minor) };
}

/** A `guestfs_statvfs` structure. */
export function statvfsOf(value: readonly Wire[]): FsStatvfs {
  const fields = fieldsOf(value);
  const n = (name: string): number => numberOf(fields, name);
  return {
    blockSize: n('bsize'),
    fragmentSize: n('frsize'),
    blocks: n('blocks'),
    blocksFree: n('bfree'),
    blocksAvailable: n('bavail'),
    files: n('files'),
    filesFree: n('ffree'),
    fsid: BigInt.asUintN(64, BigInt(asText(fields.get('fsid')) || '0')),
    nameMax: n('namemax'),
  };
}
