import type { WarningSink } from '@vmcraft/core/contracts';
import { UsageError } from '@vmcraft/core/errors';

/** Options of ntfs-3g(8) that mean something here. */
export interface MountOptions {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits taken away from files, directories. */
  readonly fmask: number;
  readonly dmask: number;
  readonly showSystemFiles: boolean;
  /** How alternate data streams are reached: as extended attributes `user.NAME`, or also as `FILE:NAME`. */
  readonly streams: 'none' | 'xattr' | 'windows';
  /** Delete the file of a hibernated Windows, and with it the session that it holds. */
  readonly removeHiberfile: boolean;
  /** A volume whose log is not clean is opened read-only. */
  readonly noRecover: boolean;
  /** Refuse names that Windows cannot use. */
  readonly windowsNames: boolean;
  /** What new symbolic links are. */
  readonly links: 'windows' | 'wsl' | 'interix';
}

/** Options that change nothing here, and need no warning. */
const IGNORED = new Set(
  (
    'ro rw defaults sync async dirsync atime noatime relatime nodiratime strictatime lazytime dev nodev suid nosuid exec noexec auto noauto ' +
    'user nouser users nofail _netdev recover permissions acl inherit silent force allow_other default_permissions big_writes compression ' +
    'nocompression efs_raw hide_dot_files hide_hid_files no_def_opts locale nls iocharset utf8 discard delay_mtime debug prealloc sparse usermapping'
  ).split(' '),
);
const KNOWN = new Set(
  'uid gid umask fmask dmask show_sys_files showmeta streams_interface remove_hiberfile norecover windows_names special_files'.split(
    ' ',
  ),
);

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
 * Read mount options, by the names of ntfs-3g(8).
 * @throws UsageError for a value that is none
 */
export function parseMountOptions(options: readonly string[], warn: WarningSink | undefined): MountOptions {
  const found = table(options);
  for (const key of found.keys()) {
    if (KNOWN.has(key) || IGNORED.has(key) || key.startsWith('x-')) continue;
    warn?.({ source: 'fs-ntfs', message: `mount option '${key}' is not known and ignored` });
  }
  const number = (key: string, radix: number, max: number, otherwise: number): number => {
    const text = found.get(key);
    if (text === undefined) return otherwise;
    const value = Number.parseInt(text, radix);
    if (!(value >= 0 && value <= max)) throw new UsageError(`mount option ${key}=${text} is no such number`);
    return value;
  };
  const choice = <T extends string>(key: string, values: readonly T[], otherwise: T): T => {
    const text = found.get(key);
    if (text === undefined) return otherwise;
    const value = values.find((v) => v === text);
    if (value === undefined) throw new UsageError(`mount option ${key}=${text} is none of ${values.join(', ')}`);
    return value;
  };
  const umask = number('umask', 8, 0o777, 0);
  return {
    uid: number('uid', 10, 0xffffffff, 0),
    gid: number('gid', 10, 0xffffffff, 0),
    fmask: number('fmask', 8, 0o777, umask),
    dmask: number('dmask', 8, 0o777, umask),
    showSystemFiles: found.has('show_sys_files') || found.has('showmeta'),
    streams: choice('streams_interface', ['none', 'xattr', 'windows'], 'xattr'),
    removeHiberfile: found.has('remove_hiberfile'),
    noRecover: found.has('norecover'),
    windowsNames: found.has('windows_names'),
    links: choice('special_files', ['windows', 'wsl', 'interix'], 'windows'),
  };
}
