import { MountOptionTable, type WarningSink } from '@vmcraft/core/contracts';
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

/** Options that mean something here, and those of vfat and exfat that change nothing. */
const KNOWN = new Set(
  (
    'uid gid umask fmask dmask time_offset tz codepage quiet ' +
    'utf8 iocharset shortname check errors flush discard nodiscard showexec allow_utime usefree rodir'
  ).split(' '),
);
const MAX_ID = 0xffffffff;
const MAX_OFFSET_MINUTES = 24 * 60;
const DEFAULT_UMASK = 0o022;

/**
 * Read mount options. Times count as UTC unless `time_offset` says otherwise, as with Linux's `tz=UTC`.
 * @throws UsageError for a value that is none
 */
export function parseMountOptions(options: readonly string[], warn: WarningSink | undefined): MountOptions {
  const table = new MountOptionTable(options);
  table.warnOfOthers(KNOWN, 'fs-fat', warn);
  const mask = { radix: 8, max: 0o777 } as const;
  const umask = table.integer('umask', mask, DEFAULT_UMASK);
  const page = table.integer('codepage', { max: 0xffff }, defaultCodePage.number);
  if (codePage(page) === undefined) {
    warn?.({ source: 'fs-fat', message: `code page ${page} is not known; ${defaultCodePage.number} is used` });
  }
  return {
    uid: table.integer('uid', { max: MAX_ID }, 0),
    gid: table.integer('gid', { max: MAX_ID }, 0),
    fmask: table.integer('fmask', mask, umask),
    dmask: table.integer('dmask', mask, umask),
    timeOffset: table.integer('time_offset', { min: -MAX_OFFSET_MINUTES, max: MAX_OFFSET_MINUTES }, 0),
    codePage: codePage(page) ?? defaultCodePage,
    quiet: table.has('quiet'),
  };
}
