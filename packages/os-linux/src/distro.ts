import type { FileTree } from '@vmcraft/core';

/** What a distribution's name implies. */
export interface DistroFacts {
  readonly packageFormat?: string;
  readonly packageManagement?: string;
}

/** os-release `ID` to the name of guestfs `inspect_get_distro`, where the two differ. */
const OS_RELEASE_IDS: Readonly<Record<string, string>> = {
  alpine: 'alpinelinux',
  altlinux: 'altlinux',
  amzn: 'amazonlinux',
  arch: 'archlinux',
  archarm: 'archlinux',
  kali: 'kalilinux',
  ol: 'oraclelinux',
  'opensuse-leap': 'opensuse',
  'opensuse-tumbleweed': 'opensuse',
  'opensuse-microos': 'opensuse',
  pld: 'pldlinux',
  rocky: 'rocky',
  scientific: 'scientificlinux',
  sled: 'sles',
  sles: 'sles',
  sles_sap: 'sles',
  openmandriva: 'openmandriva',
};

const RPM_YUM: DistroFacts = { packageFormat: 'rpm', packageManagement: 'yum' };
const RPM_DNF: DistroFacts = { packageFormat: 'rpm', packageManagement: 'dnf' };
const RPM_URPMI: DistroFacts = { packageFormat: 'rpm', packageManagement: 'urpmi' };
const RPM_ZYPPER: DistroFacts = { packageFormat: 'rpm', packageManagement: 'zypper' };
const DEB_APT: DistroFacts = { packageFormat: 'deb', packageManagement: 'apt' };

/** Package format and tool by distribution, as guestfs(3) `inspect_get_package_format` and `_management` list them. */
const FACTS: Readonly<Record<string, DistroFacts>> = {
  alpinelinux: { packageFormat: 'apk', packageManagement: 'apk' },
  altlinux: { packageFormat: 'rpm', packageManagement: 'apt' },
  archlinux: { packageFormat: 'pacman', packageManagement: 'pacman' },
  debian: DEB_APT,
  frugalware: { packageFormat: 'pacman', packageManagement: 'pacman' },
  gentoo: { packageFormat: 'ebuild', packageManagement: 'portage' },
  kalilinux: DEB_APT,
  kylin: DEB_APT,
  linuxmint: DEB_APT,
  mageia: RPM_URPMI,
  manjaro: { packageFormat: 'pacman', packageManagement: 'pacman' },
  mandriva: RPM_URPMI,
  meego: RPM_ZYPPER,
  neokylin: RPM_YUM,
  openmandriva: RPM_URPMI,
  opensuse: RPM_ZYPPER,
  pardus: { packageFormat: 'pisi', packageManagement: 'pisi' },
  pldlinux: { packageFormat: 'rpm' },
  raspbian: DEB_APT,
  'suse-based': RPM_ZYPPER,
  sles: RPM_ZYPPER,
  ubuntu: DEB_APT,
  voidlinux: { packageFormat: 'xbps', packageManagement: 'xbps' },
  void: { packageFormat: 'xbps', packageManagement: 'xbps' },
};

/** Releases of the Red Hat family from which dnf is the tool; older ones have yum, and Red Hat Enterprise Linux below 5 up2date. */
const DNF_SINCE: Readonly<Record<string, number>> = {
  almalinux: 8,
  amazonlinux: 2022,
  centos: 8,
  fedora: 22,
  oraclelinux: 8,
  'redhat-based': 8,
  rhel: 8,
  rocky: 8,
  scientificlinux: 8,
};

/** The guestfs distribution name of an os-release `ID`, using `ID_LIKE` only for families that guestfs names. */
export function distroOfId(id: string, like = ''): string {
  const known = OS_RELEASE_IDS[id];
  if (known !== undefined) return known;
  if (FACTS[id] !== undefined || DNF_SINCE[id] !== undefined) return id;
  const families = like.split(/\s+/);
  if (families.includes('suse')) return 'suse-based';
  if (families.includes('rhel') || families.includes('fedora')) return 'redhat-based';
  return id;
}

/** Package format and tool of a distribution; empty when it has none that we know. */
export function distroFacts(distro: string, major: number | undefined): DistroFacts {
  const since = DNF_SINCE[distro];
  if (since === undefined) return FACTS[distro] ?? {};
  const release = major ?? 0;
  if (distro === 'rhel' && release > 0 && release < 5) return { packageFormat: 'rpm', packageManagement: 'up2date' };
  return release >= since ? RPM_DNF : RPM_YUM;
}

/** Package databases, for systems whose distribution is not in the tables: derived systems keep their parent's. */
const DATABASES: readonly (readonly [path: string, facts: DistroFacts])[] = [
  ['/var/lib/dpkg/status', DEB_APT],
  ['/lib/apk/db/installed', { packageFormat: 'apk', packageManagement: 'apk' }],
  ['/var/lib/pacman/local', { packageFormat: 'pacman', packageManagement: 'pacman' }],
  ['/usr/lib/sysimage/rpm', { packageFormat: 'rpm' }],
  ['/var/lib/rpm', { packageFormat: 'rpm' }],
];

/** Package format from the database that is there, and its path. */
export async function factsFromDatabase(
  tree: FileTree,
): Promise<(DistroFacts & { readonly source: string }) | undefined> {
  for (const [source, facts] of DATABASES) if (await tree.exists(source)) return { ...facts, source };
  return undefined;
}
