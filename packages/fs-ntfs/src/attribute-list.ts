import { encodeUtf16, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { attributeListEntry, decodeReference, encodeReference, type FileReference } from './layout.js';
import { decodeName } from './mft-record.js';

/** Windows keeps the list below this size. */
export const MAX_LIST_SIZE = 262_144;

/** One entry of $ATTRIBUTE_LIST: where an attribute, or an extent of it, lies. */
export interface ListEntry {
  readonly type: number;
  readonly name: string;
  readonly lowestVcn: number;
  readonly reference: FileReference;
  readonly instance: number;
}

/** Decode a whole list. @throws CorruptImageError */
export function decodeAttributeList(data: Uint8Array): ListEntry[] {
  const view = viewOf(data);
  const out: ListEntry[] = [];
  for (let at = 0; at < data.length; ) {
    const length = at + attributeListEntry.size <= data.length ? view.getUint16(at + 4, true) : 0;
    if (length < attributeListEntry.size || at + length > data.length) {
      throw new CorruptImageError({ structure: '$ATTRIBUTE_LIST', field: 'entry length', offset: at, found: length });
    }
    const nameLength = view.getUint8(at + 6) * 2;
    const nameOffset = view.getUint8(at + 7);
    if (nameLength > 0 && nameOffset + nameLength > length) {
      throw new CorruptImageError({ structure: '$ATTRIBUTE_LIST', field: 'name', offset: at, found: nameLength });
    }
    out.push({
      type: view.getUint32(at, true),
      name: decodeName(data.subarray(at + nameOffset, at + nameOffset + nameLength)),
      lowestVcn: Number(view.getBigUint64(at + 8, true)),
      reference: decodeReference(view.getBigUint64(at + 16, true)),
      instance: view.getUint16(at + 24, true),
    });
    at += length;
  }
  return out;
}

/** Encode a list; its entries are sorted by the caller. */
export function encodeAttributeList(entries: readonly ListEntry[]): Uint8Array {
  const sizes = entries.map((entry) => (attributeListEntry.size + entry.name.length * 2 + 7) & ~7);
  const out = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  for (const [i, entry] of entries.entries()) {
    attributeListEntry.encodeInto(
      {
        type: entry.type,
        length: sizes[i]!,
        nameLength: entry.name.length,
        nameOffset: attributeListEntry.size,
        lowestVcn: BigInt(entry.lowestVcn),
        reference: encodeReference(entry.reference),
        instance: entry.instance,
      },
      out,
      at,
    );
    out.set(encodeUtf16(entry.name), at + attributeListEntry.size);
    at += sizes[i]!;
  }
  return out;
}
