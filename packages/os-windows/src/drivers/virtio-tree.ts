import type { InfArchitecture } from '../inf/index.js';
import type { DriverFolder } from './driver-folder.js';
import type { GuestWindows } from './guest-windows.js';

/** Names of processors in folders of virtio-win: on its ISO, in its packages, on its floppies. */
const ARCHITECTURES: Readonly<Record<string, InfArchitecture>> = {
  x86: 'x86',
  i386: 'x86',
  i586: 'x86',
  w32: 'x86',
  amd64: 'amd64',
  x86_64: 'amd64',
  x64: 'amd64',
  arm64: 'arm64',
  aarch64: 'arm64',
};

/** Other names of the same release. */
const SYNONYMS: Readonly<Record<string, string>> = {
  win7: 'w7',
  win8: 'w8',
  'win8.1': 'w8.1',
  win10: 'w10',
  win11: 'w11',
  '2003': '2k3',
  '2008': '2k8',
  '2008r2': '2k8r2',
  '2012': '2k12',
  '2012r2': '2k12r2',
  '2016': '2k16',
  '2019': '2k19',
  '2022': '2k22',
  '2025': '2k25',
};

/** Folders of releases. */
const RELEASES: ReadonlySet<string> = new Set([
  'xp',
  '2k3',
  'vista',
  '2k8',
  'w7',
  '2k8r2',
  'w8',
  '2k12',
  'w8.1',
  '2k12r2',
  'w10',
  'w11',
  '2k16',
  '2k19',
  '2k22',
  '2k25',
]);

/** Folders that are no drivers to inject: single-root I/O virtualization and protocol drivers bind to other devices. */
const SKIPPED = /^(sriov|vioprot.*)$/i;

/** Server releases of Windows 10's version by the build they began with, newest first. */
const SERVERS = [
  [26_100, '2k25'],
  [20_348, '2k22'],
  [17_763, '2k19'],
  [14_393, '2k16'],
] as const;

/** Folders that suit a guest, the best first. Older ones stand in where a newer one is missing. */
export function releasePreference({ major, minor, build, productType }: GuestWindows): readonly string[] {
  const isServer = productType !== 1;
  const version = major * 100 + minor;
  if (version >= 1000) {
    const servers = SERVERS.filter(([first]) => first <= build).map(([, name]) => name);
    if (isServer) return [...servers, 'w10', '2k16'];
    return build >= 22_000 ? ['w11', 'w10'] : ['w10'];
  }
  const pairs: Readonly<Record<number, readonly [string, string]>> = {
    603: ['w8.1', '2k12r2'],
    602: ['w8', '2k12'],
    601: ['w7', '2k8r2'],
    600: ['vista', '2k8'],
    502: ['2k3', '2k3'],
    501: ['xp', 'xp'],
  };
  const [client, server] = pairs[version] ?? [];
  if (client === undefined || server === undefined) return [];
  const own = isServer ? [server, client] : [client, server];
  return version === 603 ? [...own, 'w8', '2k12'] : version === 600 ? [...own, '2k8'] : own;
}

/** One INF of a tree of drivers. */
export interface TreeInf {
  /** Relative path. */
  readonly path: string;
  /** `viostor`, lower case. */
  readonly driver: string;
  readonly architecture: InfArchitecture;
  readonly release: string;
}

/** INFs of a tree whose folders say a processor and a release. */
export function listTree(folder: DriverFolder): readonly TreeInf[] {
  return folder.files.flatMap((path): readonly TreeInf[] => {
    if (!path.toLowerCase().endsWith('.inf')) return [];
    const names = path.toLowerCase().split('/');
    const driver = names.pop()!.replace(/\.inf$/, '');
    if (names.some((name) => SKIPPED.test(name)) || SKIPPED.test(driver)) return [];
    const architecture = names.map((name) => ARCHITECTURES[name]).find((found) => found !== undefined);
    const release = names.map((name) => SYNONYMS[name] ?? name).find((name) => RELEASES.has(name));
    return architecture === undefined || release === undefined ? [] : [{ path, driver, architecture, release }];
  });
}

/** The best INF of each driver for a guest, by name of the driver. */
export function chooseFromTree(infs: readonly TreeInf[], guest: GuestWindows): readonly TreeInf[] {
  const preference = releasePreference(guest);
  const best = new Map<string, TreeInf>();
  for (const inf of infs) {
    if (inf.architecture !== guest.architecture || !preference.includes(inf.release)) continue;
    const other = best.get(inf.driver);
    const isBetter = other === undefined || preference.indexOf(inf.release) < preference.indexOf(other.release);
    if (isBetter) best.set(inf.driver, inf);
  }
  return [...best.values()].sort((a, b) => (a.driver < b.driver ? -1 : 1));
}
