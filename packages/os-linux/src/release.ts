import type { Fact, FileTree } from '@vmcraft/core';
import { distroOfId } from './distro.js';
import { parseEnvFile } from './env-file.js';

/** What release files say. */
export interface Release {
  readonly distro: string;
  readonly productName?: string;
  readonly variant?: string;
  readonly versionText?: string;
  readonly codename?: string;
  readonly buildId?: string;
  readonly source: string;
}

/** First reader that recognises something wins. os-release comes before the files it replaced. */
const READERS: readonly ((tree: FileTree) => Promise<Release | undefined>)[] = [
  readOsRelease,
  readLsbRelease,
  readRedHatRelease,
  readSuseRelease,
  readMarkerFiles,
];

/** The distribution by its release files, refined by those that say the minor version that os-release leaves out. */
export async function readRelease(tree: FileTree): Promise<Release | undefined> {
  for (const reader of READERS) {
    const release = await reader(tree);
    if (release !== undefined) return refine(tree, release);
  }
  return undefined;
}

/** os-release(5): /etc first, then /usr/lib. */
async function readOsRelease(tree: FileTree): Promise<Release | undefined> {
  for (const source of ['/etc/os-release', '/usr/lib/os-release']) {
    const lines = await tree.lines(source);
    if (lines === undefined) continue;
    const v = parseEnvFile(lines);
    const id = v.get('ID')?.toLowerCase();
    if (id === undefined || id === '') continue;
    return pruned({
      distro: distroOfId(id, v.get('ID_LIKE')),
      productName: v.get('PRETTY_NAME') ?? v.get('NAME'),
      variant: v.get('VARIANT_ID'),
      versionText: v.get('VERSION_ID') ?? /^\d[\d.]*/.exec(v.get('VERSION') ?? '')?.[0],
      codename:
        v.get('VERSION_CODENAME') ?? v.get('UBUNTU_CODENAME') ?? /\(([^)]+)\)/.exec(v.get('VERSION') ?? '')?.[1],
      buildId: v.get('BUILD_ID'),
      source,
    });
  }
  return undefined;
}

async function readLsbRelease(tree: FileTree): Promise<Release | undefined> {
  const source = '/etc/lsb-release';
  const v = parseEnvFile((await tree.lines(source)) ?? []);
  const id = v.get('DISTRIB_ID')?.toLowerCase().replace(/\s+/g, '');
  if (id === undefined || id === '') return undefined;
  return pruned({
    distro: distroOfId(id),
    productName: v.get('DISTRIB_DESCRIPTION'),
    versionText: v.get('DISTRIB_RELEASE'),
    codename: v.get('DISTRIB_CODENAME'),
    source,
  });
}

/** First words of the one-line release files of the Red Hat family. */
const RED_HAT_NAMES: readonly (readonly [pattern: RegExp, distro: string])[] = [
  [/^Fedora/i, 'fedora'],
  [/^Red Hat Enterprise Linux/i, 'rhel'],
  [/^CentOS/i, 'centos'],
  [/^Scientific Linux/i, 'scientificlinux'],
  [/^(Oracle|Enterprise) Linux/i, 'oraclelinux'],
  [/^Rocky Linux/i, 'rocky'],
  [/^AlmaLinux/i, 'almalinux'],
  [/^Amazon Linux/i, 'amazonlinux'],
  [/^(Mandriva|Mandrake)/i, 'mandriva'],
  [/^Mageia/i, 'mageia'],
  [/^Mee[Gg]o/i, 'meego'],
  [/^ALT /i, 'altlinux'],
  [/^Red Hat Linux/i, 'redhat-based'],
];

async function readRedHatRelease(tree: FileTree): Promise<Release | undefined> {
  for (const name of [
    'oracle',
    'centos',
    'rocky',
    'almalinux',
    'mageia',
    'mandriva',
    'altlinux',
    'redhat',
    'fedora',
    'system',
  ]) {
    const source = `/etc/${name}-release`;
    const line = (await tree.lines(source))?.[0]?.trim();
    if (line === undefined || line === '') continue;
    const distro = RED_HAT_NAMES.find(([pattern]) => pattern.test(line))?.[1] ?? 'redhat-based';
    return pruned({
      distro,
      productName: line,
      versionText: redHatVersion(line),
      codename: /\(([^)]+)\)\s*$/.exec(line)?.[1],
      source,
    });
  }
  return undefined;
}

/** `release 5.11`, `release 4 (Nahant Update 8)`: the update is the minor version there. */
function redHatVersion(line: string): string | undefined {
  const match = /release\s+(\d+)(?:\.(\d[\d.]*))?/i.exec(line) ?? /(\d+)(?:\.(\d[\d.]*))?/.exec(line);
  if (match === null) return undefined;
  const update = match[2] ?? /Update (\d+)/i.exec(line)?.[1];
  return update === undefined ? match[1] : `${match[1]}.${update}`;
}

async function readSuseRelease(tree: FileTree): Promise<Release | undefined> {
  const source = '/etc/SuSE-release';
  const lines = await tree.lines(source);
  const first = lines?.[0]?.trim();
  if (lines === undefined || first === undefined || first === '') return undefined;
  const value = (key: string): string | undefined =>
    lines.map((l) => new RegExp(`^${key}\\s*=\\s*(.*)$`).exec(l)?.[1]?.trim()).find((x) => x !== undefined);
  const version = value('VERSION');
  const patch = value('PATCHLEVEL');
  return pruned({
    distro: /^SUSE Linux Enterprise/i.test(first) ? 'sles' : /opensuse/i.test(first) ? 'opensuse' : 'suse-based',
    productName: first,
    versionText:
      version !== undefined && patch !== undefined && !version.includes('.') ? `${version}.${patch}` : version,
    codename: value('CODENAME'),
    source,
  });
}

/** Files whose mere text is a version, and the product that keeps them. Order: derived systems before their parents. */
const MARKERS: readonly (readonly [path: string, distro: string, product: string])[] = [
  ['/etc/alpine-release', 'alpinelinux', 'Alpine Linux'],
  ['/etc/slackware-version', 'slackware', ''],
  ['/etc/gentoo-release', 'gentoo', ''],
  ['/etc/pardus-release', 'pardus', ''],
  ['/etc/frugalware-release', 'frugalware', ''],
  ['/etc/pld-release', 'pldlinux', ''],
  ['/etc/ttylinux-target', 'ttylinux', 'ttylinux'],
  ['/etc/cirros/version', 'cirros', 'CirrOS'],
  ['/etc/br-version', 'buildroot', 'Buildroot'],
  ['/etc/arch-release', 'archlinux', 'Arch Linux'],
  ['/etc/debian_version', 'debian', 'Debian GNU/Linux'],
];

async function readMarkerFiles(tree: FileTree): Promise<Release | undefined> {
  for (const [source, distro, product] of MARKERS) {
    const lines = await tree.lines(source);
    if (lines === undefined) continue;
    const text = lines[0]?.trim() ?? '';
    const versionText = /\d+(\.\d+)*/.exec(text)?.[0];
    return pruned({ distro, productName: product === '' ? text : `${product} ${text}`.trim(), versionText, source });
  }
  return undefined;
}

/** Where the point release stands that os-release leaves out: `VERSION_ID="10"` on Debian 10.11. */
const POINT_RELEASES: Readonly<Record<string, readonly string[]>> = {
  centos: ['/etc/centos-release'],
  debian: ['/etc/debian_version'],
  rhel: ['/etc/redhat-release'],
};

async function refine(tree: FileTree, release: Release): Promise<Release> {
  if (release.versionText?.includes('.')) return release;
  for (const path of POINT_RELEASES[release.distro] ?? []) {
    const line = (await tree.lines(path))?.[0] ?? '';
    const point = /(\d+)\.(\d+)/.exec(line)?.[0];
    if (point !== undefined && (release.versionText === undefined || point.startsWith(`${release.versionText}.`))) {
      return { ...release, versionText: point };
    }
  }
  return release;
}

/** Major and minor version of a text; absent where it has none (`bookworm/sid`, rolling releases). */
export function splitVersion(text: string | undefined): { readonly major?: number; readonly minor?: number } {
  const match = /(\d+)(?:\.(\d+))?/.exec(text ?? '');
  if (match === null) return {};
  return { major: Number(match[1]), minor: Number(match[2] ?? 0) };
}

/** A fact, or nothing. */
export function fact<T>(value: T | undefined, source: string): Fact<T> | undefined {
  return value === undefined || value === '' ? undefined : { value, source };
}

function pruned<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined && v !== '')) as T;
}
