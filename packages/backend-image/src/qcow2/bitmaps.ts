import { CorruptImageError, LimitExceededError, TruncatedImageError, toSafeInteger } from '@vmcraft/core';
import { findExtension } from './extensions.js';
import type { Header } from './header.js';
import { AUTOCLEAR, BitmapsExtension, EXTENSION, MAX_BITMAP_DIRECTORY_BYTES, MAX_BITMAPS } from './layout.js';

/** Where the bitmap directory lies. Bytes. */
export interface BitmapsPlace {
  readonly offset: number;
  readonly bytes: number;
  readonly count: number;
}

/**
 * The bitmap directory, when the image has one that is consistent.
 * @throws CorruptImageError, LimitExceededError, TruncatedImageError
 */
export function bitmapsPlace(header: Header, fileSize: number): BitmapsPlace | undefined {
  if ((header.autoclear & AUTOCLEAR.bitmaps) === 0n) return undefined;
  const extension = findExtension(header.extensions, EXTENSION.bitmaps);
  if (extension === undefined) {
    const reason = 'the bitmaps bit is set without the extension';
    throw new CorruptImageError({ structure: 'qcow2.header', field: 'autoclear_features', reason });
  }
  const e = BitmapsExtension.decode(extension.data, 0, extension.offset);
  const offset = toSafeInteger(e.directoryOffset, 'qcow2.bitmapsExtension.bitmap_directory_offset');
  const bytes = toSafeInteger(e.directorySize, 'qcow2.bitmapsExtension.bitmap_directory_size');
  if (e.nbBitmaps > MAX_BITMAPS) {
    throw new LimitExceededError({ limit: 'qcow2 bitmaps', value: e.nbBitmaps, max: MAX_BITMAPS });
  }
  if (bytes > MAX_BITMAP_DIRECTORY_BYTES) {
    const max = MAX_BITMAP_DIRECTORY_BYTES;
    throw new LimitExceededError({ limit: 'qcow2 bitmap directory bytes', value: bytes, max });
  }
  if (offset + bytes > fileSize) {
    const available = Math.max(0, fileSize - offset);
    throw new TruncatedImageError({ structure: 'qcow2 bitmap directory', offset, needed: bytes, available });
  }
  return { offset, bytes, count: e.nbBitmaps };
}
