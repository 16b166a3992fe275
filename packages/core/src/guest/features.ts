import type { Session } from './session.js';

/** Whether a group of functions works here; where it depends on the host, how to tell. */
type Feature = boolean | ((g: Session) => boolean);

/** Optional groups of guestfs(3), AVAILABILITY. Those that are false need a kernel or a program of an appliance. */
const FEATURES: Readonly<Record<string, Feature>> = {
  acl: true,
  augeas: false,
  blkdiscard: true,
  blkdiscardzeroes: true,
  btrfs: false,
  clevisluks: false,
  extlinux: false,
  f2fs: false,
  fstrim: true,
  gdisk: true,
  grub: false,
  hivex: false,
  inotify: false,
  journal: false,
  ldm: false,
  libtsk: false,
  libyara: false,
  linuxcaps: true,
  linuxfsuuid: true,
  linuxmodules: false,
  linuxxattrs: true,
  luks: (g) => g.services.memberTypes?.().includes('crypto_LUKS') === true,
  lvm2: false,
  mdadm: false,
  mknod: true,
  ntfs3g: false,
  ntfsprogs: false,
  rsync: false,
  scrub: false,
  selinux: false,
  selinuxrelabel: false,
  sleuthkit: false,
  squashfs: false,
  syslinux: false,
  wipefs: true,
  xfs: false,
  xz: (g) => g.platform.compression('xz').compress,
  zerofree: true,
};

/** All groups that guestfs(3) has, available or not, sorted. */
export function featureGroups(): string[] {
  return Object.keys(FEATURES);
}

/** Whether a group is available; undefined when there is no such group. */
export function hasFeature(g: Session, group: string): boolean | undefined {
  if (g.features.has(group)) return true;
  const feature = Object.hasOwn(FEATURES, group) ? FEATURES[group] : undefined;
  return typeof feature === 'function' ? feature(g) : feature;
}
