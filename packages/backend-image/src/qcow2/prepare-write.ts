import { alignUp, type HostFile, TruncatedImageError } from '@vmcraft/core';
import { type BitmapsPlace, bitmapsPlace } from './bitmaps.js';
import { writeFeatures } from './header-writer.js';
import { AUTOCLEAR, BITMAP_IN_USE, BitmapDirectoryEntry, INCOMPATIBLE } from './layout.js';
import type { Qcow2Parts } from './qcow2-image.js';
import { rebuildRefcounts } from './rebuild.js';
import type { Refcounts } from './refcounts.js';

/**
 * What has to be in the file before anything else is written: refcounts that can be relied on (an image left dirty has stale ones), no
 * auto-clear bit that we do not keep true, and dirty-tracking bitmaps marked as missing writes.
 */
export async function prepareForWriting(parts: Qcow2Parts, refcounts: Refcounts): Promise<void> {
  const { file, header } = parts;
  const dirty = (header.incompatible & INCOMPATIBLE.dirty) !== 0n;
  if (dirty) await rebuildRefcounts(parts, refcounts);
  const bitmaps = bitmapsPlace(header, file.size);
  if (bitmaps !== undefined) await markBitmapsInUse(file, bitmaps);
  const known = (bitmaps === undefined ? 0n : AUTOCLEAR.bitmaps) | AUTOCLEAR.dataFileRaw;
  const autoclear = header.autoclear & known;
  if (dirty || autoclear !== header.autoclear) {
    await writeFeatures(file, header.incompatible & ~INCOMPATIBLE.dirty, autoclear);
  }
}

/**
 * Section "Bitmap directory", flag in_use: the bitmap stays well-formed, and its user sees that it cannot be trusted. Dropping the
 * auto-clear bit instead would leave its clusters counted and unreachable.
 */
async function markBitmapsInUse(file: HostFile, place: BitmapsPlace): Promise<void> {
  const directory = Uint8Array.from(await file.read(place.offset, place.bytes));
  let at = 0;
  for (let i = 0; i < place.count; i++) {
    const entry = BitmapDirectoryEntry.decode(directory, at, place.offset);
    BitmapDirectoryEntry.encodeInto({ flags: entry.flags | BITMAP_IN_USE }, directory, at);
    at += alignUp(BitmapDirectoryEntry.size + entry.extraDataSize + entry.nameSize, 8);
  }
  if (directory.length < place.bytes) {
    const details = { offset: place.offset, needed: place.bytes, available: directory.length };
    throw new TruncatedImageError({ structure: 'qcow2 bitmap directory', ...details });
  }
  await file.write(place.offset, directory);
}
