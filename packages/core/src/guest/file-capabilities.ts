import { viewOf } from '../binary/index.js';
import { CorruptImageError, FsError } from '../errors/index.js';
import { type CapabilitySets, noCapabilities } from './capability-text.js';

/** `struct vfs_ns_cap_data`, Linux `uapi/linux/capability.h`: magic, pairs of permitted and inheritable words, user id of the namespace's root. */
const REVISION_MASK = 0xff000000;
const EFFECTIVE = 0x000001;
/** Words of each set and size of the value, by revision. */
const REVISIONS: ReadonlyMap<number, { words: number; size: number }> = new Map([
  [0x01000000, { words: 1, size: 12 }],
  [0x02000000, { words: 2, size: 20 }],
  [0x03000000, { words: 2, size: 24 }],
]);
const REVISION_2 = 0x02000000;
const E = 1;
const P = 2;
const I = 4;

/** Capabilities of the attribute `security.capability`. @throws CorruptImageError */
export function decodeFileCapabilities(value: Uint8Array): CapabilitySets {
  const view = viewOf(value);
  const magic = value.length < 4 ? 0 : view.getUint32(0, true);
  const revision = REVISIONS.get((magic & REVISION_MASK) >>> 0);
  if (revision === undefined || value.length !== revision.size) {
    throw new CorruptImageError({ structure: 'vfs_cap_data', reason: `${value.length} bytes, magic ${magic}` });
  }
  const sets = noCapabilities();
  for (let bit = 0; bit < revision.words * 32; bit++) {
    const at = 4 + 8 * (bit >>> 5);
    const has = (offset: number): boolean => ((view.getUint32(at + offset, true) >>> (bit & 31)) & 1) === 1;
    const flags = (has(0) ? P : 0) | (has(4) ? I : 0);
    sets[bit] = flags !== 0 && (magic & EFFECTIVE) !== 0 ? flags | E : flags;
  }
  return sets;
}

/**
 * The attribute's value. A file has one effective bit for all.
 * @throws FsError EINVAL when some capabilities are effective and others are not
 */
export function encodeFileCapabilities(sets: CapabilitySets): Uint8Array {
  const isEffective = sets.some((flags) => (flags & E) !== 0);
  const value = new Uint8Array(20);
  const view = viewOf(value);
  view.setUint32(0, REVISION_2 | (isEffective ? EFFECTIVE : 0), true);
  sets.forEach((flags, bit) => {
    if (isEffective && (flags & (P | I)) !== 0 && (flags & E) === 0) {
      throw new FsError('EINVAL', { operation: 'cap_set_file', reason: 'all capabilities are effective, or none is' });
    }
    for (const [flag, offset] of [
      [P, 0],
      [I, 4],
    ] as const) {
      if ((flags & flag) === 0) continue;
      const at = 4 + 8 * (bit >>> 5) + offset;
      view.setUint32(at, (view.getUint32(at, true) | (1 << (bit & 31))) >>> 0, true);
    }
  });
  return value;
}
