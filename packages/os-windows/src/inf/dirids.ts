import { UnsupportedFeatureError } from '@vmcraft/core/errors';

/** What directory ids are relative to. */
export interface DiridContext {
  /** `Windows` as the guest has it, without drive. */
  readonly systemRoot: string;
  /** Folder of the package in the driver store, relative to the drive: `Windows\System32\DriverStore\FileRepository\…`. */
  readonly packageFolder: string;
}

const SYSTEM_ROOT: Readonly<Record<number, string>> = {
  10: '',
  11: 'System32',
  12: 'System32\\drivers',
  17: 'INF',
  18: 'Help',
  20: 'Fonts',
  21: 'System32\\viewers',
  23: 'System32\\spool\\drivers\\color',
  50: 'System',
  51: 'System32\\spool',
  52: 'System32\\spool\\drivers\\x64',
  55: 'System32\\spool\\prtprocs\\x64',
  16384: '',
  16420: '',
  16421: 'System32',
  16425: 'SysWOW64',
};

/** CSIDL folders (16384 + CSIDL) below the drive. */
const DRIVE: Readonly<Record<number, string>> = {
  24: '',
  30: '',
  53: 'Users',
  16419: 'ProgramData',
  16422: 'Program Files',
  16426: 'Program Files (x86)',
  16427: 'Program Files\\Common Files',
  16428: 'Program Files (x86)\\Common Files',
};

/**
 * The folder of a directory id, relative to the system drive (Using Dirids).
 * @throws UnsupportedFeatureError for ids without a fixed place
 */
export function diridFolder(dirid: number, context: DiridContext): string {
  if (dirid === 13) return context.packageFolder;
  const below = SYSTEM_ROOT[dirid];
  if (below !== undefined) return below === '' ? context.systemRoot : `${context.systemRoot}\\${below}`;
  const folder = DRIVE[dirid];
  if (folder !== undefined) return folder;
  throw new UnsupportedFeatureError({ feature: `directory id ${dirid} of an INF`, structure: 'DestinationDirs' });
}

/** Put folders in for `%12%` and the like; the result is relative to the system drive. */
export function expandDirids(text: string, context: DiridContext): string {
  return text.replace(/%(-?\d+)%/g, (_, dirid: string) => diridFolder(Number(dirid), context));
}
