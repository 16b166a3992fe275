import type { MdSuperblock } from './superblock.js';

/** Number of the first array that names itself no number; the next ones count down (mdadm(8), "--auto-detect"). */
const LAST_MINOR = 127;

/** Name of the n-th array that is found, as a rescue system of a foreign host gives it. */
export function arrayName(index: number): string {
  return `/dev/md${index <= LAST_MINOR ? LAST_MINOR - index : index}`;
}

/**
 * Names that the array has on its own host: the number that 0.90 superblocks hold, and the part of a version 1 name behind the host,
 * `/dev/md/NAME`.
 */
export function aliasesOf({ name, preferredMinor }: MdSuperblock): string[] {
  if (preferredMinor !== undefined) return [`/dev/md${preferredMinor}`, `/dev/md/${preferredMinor}`];
  const own = name.slice(name.indexOf(':') + 1);
  if (own === '' || own.includes('/')) return [];
  const aliases = [`/dev/md/${own}`];
  if (own !== name) aliases.push(`/dev/md/${name}`);
  if (/^\d{1,3}$/.test(own)) aliases.push(`/dev/md${own}`);
  return aliases;
}
