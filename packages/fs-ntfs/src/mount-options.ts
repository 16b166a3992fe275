import { MountOptionTable, type WarningSink } from '@vmcraft/core/contracts';

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

/** Options that mean something here, and those of ntfs-3g that change nothing. */
const KNOWN = new Set(
  (
    'uid gid umask fmask dmask show_sys_files showmeta streams_interface remove_hiberfile norecover windows_names special_files ' +
    'recover permissions acl inherit silent force allow_other default_permissions big_writes compression ' +
    'nocompression efs_raw hide_dot_files hide_hid_files no_def_opts locale nls iocharset utf8 discard delay_mtime debug prealloc sparse usermapping'
  ).split(' '),
);
const MAX_ID = 0xffffffff;

/**
 * Read mount options, by the names of ntfs-3g(8).
 * @throws UsageError for a value that is none
 */
export function parseMountOptions(options: readonly string[], warn: WarningSink | undefined): MountOptions {
  const table = new MountOptionTable(options);
  table.warnOfOthers(KNOWN, 'fs-ntfs', warn);
  const mask = { radix: 8, max: 0o777 } as const;
  const umask = table.integer('umask', mask, 0);
  return {
    uid: table.integer('uid', { max: MAX_ID }, 0),
    gid: table.integer('gid', { max: MAX_ID }, 0),
    fmask: table.integer('fmask', mask, umask),
    dmask: table.integer('dmask', mask, umask),
    showSystemFiles: table.has('show_sys_files') || table.has('showmeta'),
    streams: table.choice('streams_interface', ['none', 'xattr', 'windows'], 'xattr'),
    removeHiberfile: table.has('remove_hiberfile'),
    noRecover: table.has('norecover'),
    windowsNames: table.has('windows_names'),
    links: table.choice('special_files', ['windows', 'wsl', 'interix'], 'windows'),
  };
}
