import type { TreeFile } from '@vmcraft/core';
import {
  NDB_BLOB_MAGIC,
  NDB_BLOCK,
  NDB_MAGIC,
  NDB_SLOT_MAGIC,
  NDB_SLOT_PAGE,
  NdbBlob,
  NdbHeader,
  NdbSlot,
} from './layout.js';
import { broken, checkBlobLength, MAX_PACKAGES } from './limits.js';

/** Headers of a database of RPM's own format (SUSE: `Packages.db`). @throws CorruptImageError, LimitExceededError */
export async function* ndbHeaders(file: TreeFile): AsyncIterable<Uint8Array> {
  const { magic, version, slotPages } = NdbHeader.decode(await file.read(0, NdbHeader.size));
  if (magic !== NDB_MAGIC) throw broken('ndb header', 'magic', NDB_MAGIC, magic);
  if (version !== 0) throw broken('ndb header', 'version', 0, version);
  const MAX_PAGES = Math.ceil((MAX_PACKAGES * NdbSlot.size) / NDB_SLOT_PAGE);
  if (slotPages > MAX_PAGES) throw broken('ndb header', 'slot pages', `at most ${MAX_PAGES}`, slotPages);
  for (let page = 0; page < slotPages; page++) {
    const slots = await file.read(page * NDB_SLOT_PAGE, NDB_SLOT_PAGE);
    const first = page === 0 ? NdbHeader.size : 0;
    for (let at = first; at + NdbSlot.size <= slots.length; at += NdbSlot.size) {
      const slot = NdbSlot.decode(slots, at);
      if (slot.magic !== NDB_SLOT_MAGIC) throw broken('ndb slot', 'magic', NDB_SLOT_MAGIC, slot.magic);
      if (slot.packageIndex !== 0) yield await blobOf(file, slot);
    }
  }
}

async function blobOf(file: TreeFile, slot: ReturnType<typeof NdbSlot.decode>): Promise<Uint8Array> {
  const at = slot.blockOffset * NDB_BLOCK;
  const blob = NdbBlob.decode(await file.read(at, NdbBlob.size));
  if (blob.magic !== NDB_BLOB_MAGIC) throw broken('ndb blob', 'magic', NDB_BLOB_MAGIC, blob.magic);
  if (blob.packageIndex !== slot.packageIndex) {
    throw broken('ndb blob', 'package index', slot.packageIndex, blob.packageIndex);
  }
  checkBlobLength(blob.length, 'ndb');
  if (blob.length > slot.blockCount * NDB_BLOCK) {
    throw broken('ndb blob', 'length', `at most ${slot.blockCount * NDB_BLOCK}`, blob.length);
  }
  return file.read(at + NdbBlob.size, blob.length);
}
