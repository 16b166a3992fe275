import { UsageError } from '../errors/index.js';

/** Prefix of mountables that name a subvolume (guestfs(3), "mountable"). */
const SUBVOLUME = 'btrfsvol:';

/** A mountable taken apart. */
export interface Mountable {
  readonly device: string;
  /** Subvolume path without a leading slash. */
  readonly subvolume?: string;
}

/** @throws UsageError when it is neither a device nor `btrfsvol:DEVICE/SUBVOLUME` */
export function parseMountable(text: string): Mountable {
  if (!text.startsWith(SUBVOLUME)) return { device: text };
  const rest = text.slice(SUBVOLUME.length);
  const cut = rest.indexOf('/', '/dev/'.length);
  if (!rest.startsWith('/dev/') || cut < 0) {
    throw new UsageError(`'${text}' is not a mountable: expected btrfsvol:DEVICE/SUBVOLUME`, { argument: 'mountable' });
  }
  return { device: rest.slice(0, cut), subvolume: rest.slice(cut + 1) };
}

/** The text of a mountable. */
export function formatMountable({ device, subvolume }: Mountable): string {
  return subvolume === undefined ? device : `${SUBVOLUME}${device}/${subvolume}`;
}
