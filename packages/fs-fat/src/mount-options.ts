import type { WarningSink } from '@vmcraft/core/contracts';
import { UsageError } from '@vmcraft/core/errors';
import { type CodePage, codePage, defaultCodePage } from './code-page.js';

/** Options of mount(8) for vfat and exfat that mean something here. */
export interface MountOptions {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits taken away from files, directories. */
  readonly fmask: number;
  readonly dmask: number;
  /** Minutes that the local time in FAT stamps is ahead of UTC. */
  readonly timeOffset: number;
  readonly codePage: CodePage;
  /** Changes of owner or mode that FAT cannot keep are ignored instead of refused. */
  readonly quiet: boolean;
}

/** Options that change nothing here, and need no warning. */
const IGNORED = new Set([
  'ro',
  'rw',
  'defaults',
  'sync',
  'async',
  'dirsync',
  'atime',
  'noatime',
  'relatime',
  'nodiratime',
  'strictatime',
  'lazytime',
  'dev',
  'nodev',
  'suid',
  'nosuid',
  'exec',
  'noexec',
  'auto',
  'noauto',
  'user',
  'nouser',
  'users',
  'nofail',
  '_netdev',
  'utf8',
  'iocharset',
  'shortname',
  'check',
  'errors',
  'flush',
  'discard',
  'nodiscard',
  'showexec',
  'allow_utime',
  'usefree',
  'rodir',
]);
const MAX_OFFSET_MINUTES = 24 * 60;
const DEFAULT_UMASK = 0o022;

/** The value of `key=value` options, last one wins. */
function table(options: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const option of options.flatMap((o) => o.split(','))) {
    const equals = option.indexOf('=');
    const key = (equals < 0 ? option : option.slice(0, equals)).trim();
    if (key !== '') found.set(key, equals < 0 ? '' : option.slice(equals + 1));
  }
  return found;
}

/**
 * Read mount options. Times count as UTC unless `time_offset` says otherwise, as with Linux's `tz=UTC`.
 * @throws UsageError for a value that is none
 */
export function parseMountOptions(options: readonly string[], warn: WarningSink | undefined): MountOptions {
  const found = table(options);
  const known = new Set(['uid', 'gid', 'umask', 'fmask', 'dmask', 'time_offset', 'tz', 'codepage', 'quiet']);
  for (const key of found.keys()) {
    if (known.has(key) || IGNORED.has(key) || key.startsWith('x-')) continue;
    warn?.({ source: 'fs-fat', message: `mount option '${key}' is not known and ignored` });
  }
  const number = (key: string, radix: number, max: number, otherwise: number): number => {
    const text = found.get(key);
    if (text === undefined) return otherwise;
    const value = Number.parseInt(text, radix);
    if (!(Math.abs(value) <= max)) throw new UsageError(`mount option ${key}=${text} is no such number`);
    return value;
  };
  const umask = number('umask', 8, 0o777, DEFAULT_UMASK);
  const page = number('codepage', 10, 0xffff, defaultCodePage.number);
  if (codePage(page) === undefined) {
    warn?.({ source: 'fs-fat', message: `code page ${page} is not known; ${defaultCodePage.number} is used` });
  }
  return {
    uid: number('uid', 10, 0xffffffff, 0),
    gid: number('gid', 10, 0xffffffff, 0),
    fmask: number('fmask', 8, 0o777, umask),
    dmask: number('dmask', 8, 0o777, umask),
    timeOffset: number('time_offset', 10, MAX_OFFSET_MINUTES, 0),
    codePage: codePage(page) ?? defaultCodePage,
    quiet: found.has('quiet'),
  };
}
