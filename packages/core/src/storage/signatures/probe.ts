import { equalBytes } from '../../binary/index.js';
import type { BlockDevice } from '../../contracts/index.js';
import { APPLE } from './apple.js';
import { CRYPTO } from './crypto.js';
import { EXT } from './ext.js';
import { EXFAT, FAT } from './fat.js';
import { LINUX_FILESYSTEMS } from './linux-filesystems.js';
import { MINIX } from './minix.js';
import { NTFS, REFS } from './ntfs.js';
import { OPTICAL } from './optical.js';
import { RAID_MEMBERS } from './raid.js';
import { CLUSTER_DEVICES, RAID_CONTROLLERS } from './raid-controllers.js';
import { type Magic, ProbeWindow, type SignatureMatch, type SignatureSpec } from './signature.js';
import { SWAPS } from './swap.js';
import { UNIX } from './unix.js';
import { probeZfs, ZFS_LABEL } from './zfs.js';

/** Every signature known, in order of precedence: members of arrays, containers, then file systems. */
export const SIGNATURES: readonly SignatureSpec[] = [
  ...RAID_MEMBERS,
  ...RAID_CONTROLLERS,
  ...CLUSTER_DEVICES,
  ...CRYPTO,
  FAT,
  ...SWAPS,
  EXT,
  ...LINUX_FILESYSTEMS,
  ...OPTICAL,
  ...APPLE,
  ...UNIX,
  NTFS,
  REFS,
  MINIX,
  EXFAT,
];

/** A ZFS member has no magic, and so no row. */
const ZFS = 'zfs_member';

/** Types that are recognised. */
export const SIGNATURE_TYPES: ReadonlySet<string> = new Set([
  ...SIGNATURES.flatMap(({ type, otherTypes = [] }) => [type, ...otherTypes]),
  ZFS,
]);

/** What is known of the device beforehand. */
export interface ProbeOptions {
  /** Partitions of the device, bytes: what lies inside one is that partition's, not the disk's. */
  readonly partitions?: readonly { readonly start: number; readonly size: number }[];
}

function placeOf(magic: Magic, size: number): number | undefined {
  return typeof magic.at === 'number' ? magic.at : magic.at(size);
}

/** The first magic of a row that is there and whose superblock stands up. */
async function match(window: ProbeWindow, spec: SignatureSpec): Promise<SignatureMatch | undefined> {
  for (const [index, magic] of spec.magics.entries()) {
    const offset = placeOf(magic, window.size);
    const found = offset === undefined ? undefined : await window.bytes(offset, magic.bytes.length);
    if (offset === undefined || found === undefined || !equalBytes(found, magic.bytes)) continue;
    const base = offset + (magic.base ?? 0);
    if (base < 0) continue;
    const details = spec.read === undefined ? {} : await spec.read(window, { base, index });
    if (details === undefined) continue;
    const { length } = magic.bytes;
    return { type: spec.type, usage: spec.usage, offset, length, tolerant: spec.tolerant ?? false, ...details };
  }
  return undefined;
}

async function matchZfs(window: ProbeWindow): Promise<SignatureMatch | undefined> {
  const zfs = await probeZfs(window);
  if (zfs === undefined) return undefined;
  const place = { offset: zfs.base, length: ZFS_LABEL };
  return { type: ZFS, usage: 'filesystem', ...place, tolerant: false, ...zfs.details };
}

/**
 * All signatures on a device, in order of precedence. A member of an array or an encrypted container found first ends the
 * search, as what follows belongs to its contents.
 */
export async function probeSignatures(
  device: BlockDevice,
  options: ProbeOptions = {},
): Promise<readonly SignatureMatch[]> {
  const window = new ProbeWindow(device);
  const covered = (offset: number): boolean =>
    options.partitions?.some((p) => offset >= p.start && offset < p.start + p.size) ?? false;
  const found: SignatureMatch[] = [];
  const searches = SIGNATURES.map((spec) => () => match(window, spec));
  for (const search of [...searches, () => matchZfs(window)]) {
    const hit = await search();
    if (hit === undefined || covered(hit.offset)) continue;
    found.push(hit);
    if (found.length === 1 && (hit.usage === 'raid' || hit.usage === 'crypto')) break;
  }
  return found;
}

/**
 * What lies on a device, as blkid decides it: when several signatures contradict each other the answer is none.
 *
 * @example (await probeSignature(device))?.type // 'crypto_LUKS'
 */
export async function probeSignature(
  device: BlockDevice,
  options: ProbeOptions = {},
): Promise<SignatureMatch | undefined> {
  const found = await probeSignatures(device, options);
  const [first, ...others] = found;
  const strict = found.filter((m) => !m.tolerant);
  if (others.length > 0 && strict.length > 0) return undefined;
  return first;
}
