import { CorruptImageError } from '@vmcraft/core/errors';
import type { InfFile } from './inf-file.js';
import { type InfTarget, sectionSuffixes } from './target.js';

/** What the Version section of a driver package says. */
export interface InfVersion {
  /** `SCSIAdapter`, `Net` … */
  readonly className?: string;
  /** Lower case with braces: `{4d36e97b-e325-11ce-bfc1-08002be10318}`. */
  readonly classGuid?: string;
  readonly provider?: string;
  /** Day of release. */
  readonly date?: { readonly year: number; readonly month: number; readonly day: number };
  /** Four numbers of 16 bits: `[100, 95, 104, 26200]`. */
  readonly version: readonly [number, number, number, number];
  /** File name of the catalog for the target's architecture. */
  readonly catalog?: string;
  /** Whether PnpLockdown is 1. */
  readonly isLockedDown: boolean;
}

/**
 * Read the Version section.
 * @throws CorruptImageError when DriverVer or ClassGuid are not what they must be
 */
export function readInfVersion(inf: InfFile, target: InfTarget): InfVersion {
  const className = inf.value('Version', 'Class');
  const classGuid = inf.value('Version', 'ClassGuid')?.toLowerCase();
  if (classGuid !== undefined && !/^\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}$/.test(classGuid)) {
    throw broken(inf, 'ClassGuid', 'a GUID in braces', classGuid);
  }
  const provider = inf.value('Version', 'Provider');
  const catalog = catalogOf(inf, target);
  return {
    ...readDriverVer(inf),
    isLockedDown: Number(inf.value('Version', 'PnpLockdown') ?? '0') === 1,
    ...(className === undefined ? {} : { className }),
    ...(classGuid === undefined ? {} : { classGuid }),
    ...(provider === undefined ? {} : { provider }),
    ...(catalog === undefined ? {} : { catalog }),
  };
}

/** `CatalogFile.NTamd64` is stronger than `CatalogFile.NT`, and that than `CatalogFile`. */
function catalogOf(inf: InfFile, target: InfTarget): string | undefined {
  for (const suffix of sectionSuffixes(target)) {
    const name = inf.value('Version', `CatalogFile${suffix}`);
    if (name !== undefined && name !== '') return name;
  }
  return undefined;
}

/** `DriverVer = mm/dd/yyyy[,w.x.y.z]` (INF DriverVer Directive). */
function readDriverVer(inf: InfFile): Pick<InfVersion, 'date' | 'version'> {
  const values = inf.entriesOf('Version', 'DriverVer')[0]?.values ?? [];
  const [dateText = '', versionText = ''] = values;
  const version = readVersion(inf, versionText);
  if (dateText === '') return { version };
  const match = /^(\d{1,2})[/-](\d{1,2})[/-](\d{4})$/.exec(dateText);
  const [, month = 0, day = 0, year = 0] = match?.map(Number) ?? [];
  const isDay = month >= 1 && month <= 12 && day >= 1 && day <= 31 && year >= 1601;
  if (!isDay) throw broken(inf, 'DriverVer', 'mm/dd/yyyy', dateText);
  return { date: { year, month, day }, version };
}

function readVersion(inf: InfFile, text: string): readonly [number, number, number, number] {
  if (text === '') return [0, 0, 0, 0];
  const parts = text.split('.').map((part) => (/^\d{1,5}$/.test(part.trim()) ? Number(part) : Number.NaN));
  const isVersion = parts.length <= 4 && parts.every((part) => part >= 0 && part <= 0xffff);
  if (!isVersion) throw broken(inf, 'DriverVer', 'w.x.y.z', text);
  const [w = 0, x = 0, y = 0, z = 0] = parts;
  return [w, x, y, z];
}

function broken(inf: InfFile, field: string, expected: string, found: string): CorruptImageError {
  const citation = 'INF Version Section';
  return new CorruptImageError({ structure: inf.name, field: `Version.${field}`, expected, found, citation });
}
