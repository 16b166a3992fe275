import { CorruptImageError, TruncatedImageError } from '@vmcraft/core/errors';
import { Version } from './layout.js';
import type { Metadata } from './metadata/model.js';

/** A span of the volume that is treated alike. */
export interface Region {
  readonly start: number;
  readonly end: number;
  /** `zero` has no bytes of its own, `plain` is stored as it is. */
  readonly kind: 'zero' | 'plain' | 'encrypted';
  /** Where it lies, relative to where it shows: not 0 for what was moved. */
  readonly shift: number;
}

/** Windows Vista leaves the boot sectors of NTFS in the clear. libbde, "BitLocker Windows Vista". */
const VISTA_PLAIN_SECTORS = 16;

/**
 * What each span of a volume of `size` bytes is, in order and without gaps.
 * @throws TruncatedImageError when the device is shorter than what is encrypted
 */
export function volumeMap(metadata: Metadata, size: number, sectorSize: number): readonly Region[] {
  const { movedHeader, hidden } = metadata;
  const encryptedSize = metadata.encryptedSpans === undefined ? (metadata.encryptedSize ?? size) : size;
  if (encryptedSize > size) {
    throw new TruncatedImageError({ structure: 'BitLocker volume', offset: 0, needed: encryptedSize, available: size });
  }
  if (movedHeader !== undefined && movedHeader.offset + movedHeader.size > size) {
    const { offset, size: needed } = movedHeader;
    throw new TruncatedImageError({ structure: 'moved volume header', offset, needed, available: size - offset });
  }
  const spans = hidden.filter((h) => h.offset < size).map((h) => ({ ...h, end: Math.min(size, h.offset + h.size) }));
  const vistaEnd = metadata.version === Version.vista ? VISTA_PLAIN_SECTORS * sectorSize : 0;
  const movedEnd = movedHeader?.size ?? 0;
  const shift = movedHeader?.offset ?? 0;
  const encrypted = metadata.encryptedSpans ?? [{ start: 0, end: encryptedSize }];
  const kindAt = (at: number): 'plain' | 'encrypted' => (isWithin(encrypted, at) ? 'encrypted' : 'plain');
  const edges = new Set([0, size, vistaEnd, movedEnd]);
  for (const { start, end } of encrypted) for (const edge of [start, end]) edges.add(edge).add(edge - shift);
  for (const { offset, end } of spans) edges.add(offset).add(end);
  const cuts = [...edges].filter((at) => at >= 0 && at <= size).sort((a, b) => a - b);
  return cuts.slice(0, -1).map((start, i): Region => {
    const end = cuts[i + 1]!;
    if (start % sectorSize !== 0) {
      throw new CorruptImageError({
        structure: 'BitLocker volume',
        offset: start,
        reason: 'a part begins within a sector',
      });
    }
    if (spans.some((s) => start >= s.offset && start < s.end)) return { start, end, kind: 'zero', shift: 0 };
    if (start < vistaEnd) return { start, end, kind: 'plain', shift: 0 };
    if (start < movedEnd) return { start, end, kind: kindAt(start + shift), shift };
    return { start, end, kind: kindAt(start), shift: 0 };
  });
}

/** Whether one of the spans, which are in order, has `at`. */
function isWithin(spans: readonly { readonly start: number; readonly end: number }[], at: number): boolean {
  let [low, high] = [0, spans.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (spans[middle]!.end <= at) low = middle + 1;
    else high = middle;
  }
  return low < spans.length && spans[low]!.start <= at;
}
