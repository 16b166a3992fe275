/** One line of fstab(5). */
export interface FstabEntry {
  readonly spec: string;
  readonly file: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** Octal escapes of fstab(5): `\040` is a space. */
function unescapeField(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** fstab(5): fields separated by blanks, `#` starts a comment line; `LABEL="a b"` may be quoted. */
export function parseFstab(lines: readonly string[]): readonly FstabEntry[] {
  const entries: FstabEntry[] = [];
  for (const line of lines) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    const fields = (text.match(/(?:[^\s"]|"[^"]*")+/g) ?? []).map(unescapeField);
    const [spec, file, type = 'auto', options = 'defaults'] = fields;
    if (spec === undefined || file === undefined) continue;
    entries.push({ spec, file: normalise(file), type, options: options.split(',') });
  }
  return entries;
}

function normalise(path: string): string {
  if (!path.startsWith('/')) return path;
  const parts = path.split('/').filter((p) => p !== '' && p !== '.');
  return `/${parts.join('/')}`;
}

/** Types that are not on any disk. */
const VIRTUAL_TYPES = new Set([
  'proc',
  'sysfs',
  'tmpfs',
  'devpts',
  'devtmpfs',
  'cgroup',
  'cgroup2',
  'usbfs',
  'binfmt_misc',
  'debugfs',
  'securityfs',
  'ramfs',
  'overlay',
  'nfs',
  'nfs4',
  'cifs',
  'smbfs',
  'fuse.sshfs',
  'glusterfs',
  'ceph',
  'efivarfs',
  'hugetlbfs',
  'mqueue',
  'configfs',
  '9p',
  'virtiofs',
]);

/** Whether a line names something on one of the guest's disks that is mounted at boot or on demand. */
export function isOnDisk(entry: FstabEntry): boolean {
  return (
    !VIRTUAL_TYPES.has(entry.type) &&
    !entry.options.includes('bind') &&
    !entry.options.includes('rbind') &&
    !isRemovable(entry.spec)
  );
}

/** Floppies and optical drives belong to no guest disk. */
function isRemovable(spec: string): boolean {
  return /^\/dev\/(fd\d|cdrom|sr\d|scd\d|dvd)/.test(spec);
}
