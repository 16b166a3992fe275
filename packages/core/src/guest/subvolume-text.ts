import type { QuotaGroup, SubvolumeFacts } from '../contracts/index.js';

/** What `btrfs subvolume show` tells of a subvolume, as libguestfs puts it into a hash: what is not known is empty. */
export function subvolumeText(
  subvolume: SubvolumeFacts,
  others: readonly SubvolumeFacts[],
  quota: QuotaGroup | undefined,
): Record<string, string> {
  const isTop = subvolume.path === '';
  const snapshots = others.filter(({ parentUuid }) => parentUuid !== undefined && parentUuid === subvolume.uuid);
  return {
    path: isTop ? '/' : subvolume.path,
    Name: isTop ? '<FS_TREE>' : subvolume.path.slice(subvolume.path.lastIndexOf('/') + 1),
    UUID: subvolume.uuid ?? '',
    'Parent UUID': subvolume.parentUuid ?? '',
    'Received UUID': subvolume.receivedUuid ?? '',
    'Creation time': timeText(subvolume.created),
    'Subvolume ID': String(subvolume.id),
    Generation: String(subvolume.generation),
    'Gen at creation': String(subvolume.originalGeneration),
    'Parent ID': String(subvolume.parentId),
    'Top level ID': String(subvolume.parentId),
    Flags: subvolume.isReadOnly ? 'readonly' : '',
    'Send transid': String(subvolume.sentGeneration),
    'Send time': timeText(subvolume.sent),
    'Receive transid': String(subvolume.receivedGeneration),
    'Receive time': timeText(subvolume.received),
    'Snapshot(s)': snapshots.map(({ path }) => path).join(','),
    ...(quota === undefined ? {} : quotaText(quota)),
  };
}

function quotaText({ id, maxReferenced, maxExclusive, referenced, exclusive }: QuotaGroup): Record<string, string> {
  return {
    'Quota group': id,
    'Limit referenced': maxReferenced === undefined ? '' : sizeText(maxReferenced),
    'Limit exclusive': maxExclusive === undefined ? '' : sizeText(maxExclusive),
    'Usage referenced': sizeText(referenced),
    'Usage exclusive': sizeText(exclusive),
  };
}

/** `2024-05-06 07:08:09 +0000` */
function timeText(seconds: number | undefined): string {
  if (seconds === undefined) return '';
  const date = new Date(seconds * 1000);
  // Beyond what a date can be.
  if (Number.isNaN(date.getTime())) return String(seconds);
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} +0000`;
}

/** As btrfs-progs write sizes: `16.00KiB`, below a KiB `512.00B`. */
function sizeText(bytes: number): string {
  const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${value.toFixed(2)}${UNITS[unit]}`;
}
