import { type ParityAlgorithm, parityAlgorithm } from '@vmcraft/core/block';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import type { MdSuperblock } from './superblock.js';

/** Numbers of the `level` field that are none of RAID (Linux include/uapi/linux/raid/md_p.h). */
const NAMES: Readonly<Record<number, string>> = { [-1]: 'linear', [-4]: 'multipath', [-5]: 'faulty' };
const LEVELS = [-1, 0, 1, 4, 5, 6, 10];

/** `raid5`, `linear`: as /proc/mdstat names levels. */
export function levelName(level: number): string {
  return NAMES[level] ?? `raid${level}`;
}

/** Make sure that a level is handled. @throws UnsupportedFeatureError */
export function requireLevel({ level }: MdSuperblock, structure: string): void {
  if (LEVELS.includes(level)) return;
  throw new UnsupportedFeatureError({ structure, feature: `an array of level ${levelName(level)}` });
}

/** How many parities a level has, and how they move. @throws CorruptImageError when its layout is none of the level's */
export function parityOf({ level, layout }: MdSuperblock, structure: string): readonly [ParityAlgorithm, 1 | 2] {
  if (level === 4) return ['parity-last', 1];
  const algorithm = parityAlgorithm(layout);
  if (algorithm === undefined || (level === 5 && layout > 5)) {
    throw new CorruptImageError({ structure, field: 'layout', reason: `raid${level} has no layout ${layout}` });
  }
  return [algorithm, level === 6 ? 2 : 1];
}

/** Bytes that an array would have, about: for those that cannot be brought up. */
export function nominalSize({ level, layout, disks, memberSize, dataSize }: MdSuperblock): number {
  const copies = (layout & 0xff) * ((layout >>> 8) & 0xff);
  const parts = { 1: 1, 4: disks - 1, 5: disks - 1, 6: disks - 2, 10: Math.floor(disks / Math.max(1, copies)) }[level];
  const size = parts === undefined ? dataSize * disks : memberSize * parts;
  return Number.isSafeInteger(size) && size > 512 ? size : 512;
}
