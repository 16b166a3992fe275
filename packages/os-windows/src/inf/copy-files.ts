import type { InfFile } from './inf-file.js';
import { broken } from './registry-entries.js';
import { type InfTarget, sourceSuffixes } from './target.js';

/** A file that an INF copies. */
export interface InfFileCopy {
  /** Name in the driver package, with the folder that SourceDisksFiles gives: `amd64/viostor.sys`, forward slashes. */
  readonly source: string;
  /** Name at its destination. */
  readonly name: string;
  /** Directory id of DestinationDirs: 12 is `System32\drivers`; -1 means that `subfolder` is absolute. */
  readonly dirid: number;
  /** Below the directory; empty when there is none. Backslashes. */
  readonly subfolder: string;
  /** The file-list section, or `@` for a file named in the directive. */
  readonly section: string;
}

/** Directories by id: `[DestinationDirs]` of the file-list section, else DefaultDestDir. */
interface Destination {
  readonly dirid: number;
  readonly subfolder: string;
}

/**
 * Files that CopyFiles directives of an install section name, with where they come from and go to.
 * @throws CorruptImageError for a file-list section that is missing, or a file without destination
 */
export function readInfCopies(inf: InfFile, installSection: string, target: InfTarget): readonly InfFileCopy[] {
  const copies: InfFileCopy[] = [];
  for (const directive of inf.entriesOf(installSection, 'CopyFiles')) {
    for (const item of directive.values.filter((value) => value !== '')) {
      if (item.startsWith('@')) {
        const name = item.slice(1);
        const destination = destinationOf(inf, undefined);
        if (destination === undefined) throw broken(inf, installSection, directive, `no destination for ${name}`);
        copies.push({ source: sourceOf(inf, name, target), name, section: '@', ...destination });
      } else copies.push(...listedCopies(inf, item, installSection, directive, target));
    }
  }
  return copies;
}

function listedCopies(
  inf: InfFile,
  section: string,
  installSection: string,
  directive: Parameters<typeof broken>[2],
  target: InfTarget,
): InfFileCopy[] {
  if (!inf.has(section)) throw broken(inf, installSection, directive, `there is no section [${section}]`);
  const destination = destinationOf(inf, section);
  if (destination === undefined) throw broken(inf, installSection, directive, `no destination for [${section}]`);
  return inf.entries(section).flatMap((entry) => {
    const [name = '', sourceName = ''] = entry.values;
    if (name === '') return [];
    return [{ source: sourceOf(inf, sourceName || name, target), name, section, ...destination }];
  });
}

function destinationOf(inf: InfFile, section: string | undefined): Destination | undefined {
  const entry =
    (section === undefined ? undefined : inf.entriesOf('DestinationDirs', section)[0]) ??
    inf.entriesOf('DestinationDirs', 'DefaultDestDir')[0];
  if (entry === undefined) return undefined;
  const dirid = Number(entry.values[0]);
  if (!Number.isInteger(dirid)) throw broken(inf, 'DestinationDirs', entry, `'${entry.values[0]}' is no directory id`);
  return { dirid, subfolder: (entry.values[1] ?? '').replace(/^\\+|\\+$/g, '') };
}

/**
 * `[SourceDisksFiles]`: filename = diskid[,[subdir][,size]]; `[SourceDisksNames]`: diskid = description,[cabinet],[unused],[path].
 * What is decorated with the architecture is stronger.
 */
function sourceOf(inf: InfFile, name: string, target: InfTarget): string {
  for (const suffix of sourceSuffixes(target)) {
    const entry = inf.entriesOf(`SourceDisksFiles${suffix}`, name)[0];
    if (entry === undefined) continue;
    const [disk = '', subfolder = ''] = entry.values;
    return joined(diskFolder(inf, disk, target), subfolder, name);
  }
  return joined(name);
}

function diskFolder(inf: InfFile, disk: string, target: InfTarget): string {
  for (const suffix of sourceSuffixes(target)) {
    const entry = inf.entriesOf(`SourceDisksNames${suffix}`, disk)[0];
    if (entry !== undefined) return entry.values[3] ?? '';
  }
  return '';
}

/** Names of all files in SourceDisksFiles sections for the target, with their folders. */
export function readSourceFiles(inf: InfFile, target: InfTarget): readonly string[] {
  const found = new Map<string, string>();
  for (const suffix of sourceSuffixes(target)) {
    for (const { key } of inf.entries(`SourceDisksFiles${suffix}`)) {
      if (key !== undefined && !found.has(key.toLowerCase())) found.set(key.toLowerCase(), sourceOf(inf, key, target));
    }
  }
  return [...found.values()];
}

/** A path inside the package with forward slashes; `.` and `..` go, so that it never leads out. */
function joined(...parts: readonly string[]): string {
  return parts
    .flatMap((part) => part.split(/[\\/]+/))
    .filter((name) => name !== '' && name !== '.' && name !== '..')
    .join('/');
}
