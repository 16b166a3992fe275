/** `%1` is the major version, `%2` the minor one, `%02` the minor one in two digits. */
type Pattern = string;

/** How osinfo-db spells the short id of each distribution. */
const PATTERNS: Readonly<Record<string, Pattern>> = {
  almalinux: 'almalinux%1',
  alpinelinux: 'alpinelinux%1.%2',
  altlinux: 'altlinux%1.%2',
  debian: 'debian%1',
  fedora: 'fedora%1',
  gentoo: 'gentoo',
  mageia: 'mageia%1',
  opensuse: 'opensuse%1.%2',
  oraclelinux: 'ol%1.%2',
  rocky: 'rocky%1',
  scientificlinux: 'scientificlinux%1.%2',
  ubuntu: 'ubuntu%1.%02',
};

/** A likely short id of libosinfo (guestfs `inspect_get_osinfo`), or undefined. */
export function osinfoId(distro: string, major: number | undefined, minor = 0, variant = ''): string | undefined {
  if (distro === 'archlinux') return 'archlinux';
  if (major === undefined) return undefined;
  if (distro === 'centos')
    return major >= 8 ? centos8(major, variant) : major === 7 ? 'centos7.0' : `centos${major}.${minor}`;
  if (distro === 'debian' && major < 4) return `debian${major}.${minor}`;
  if (distro === 'rhel') return `rhel${major}.${minor}`;
  if (distro === 'sles') return minor === 0 ? `sles${major}` : `sles${major}sp${minor}`;
  return PATTERNS[distro]
    ?.replace('%1', String(major))
    .replace('%2', String(minor))
    .replace('%02', String(minor).padStart(2, '0'));
}

function centos8(major: number, variant: string): string {
  return variant.includes('stream') || major >= 9 ? `centos-stream${major}` : `centos${major}`;
}
