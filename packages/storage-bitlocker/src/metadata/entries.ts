import { CorruptImageError } from '@vmcraft/core/errors';
import { EntryHeader, SPECIFICATION } from '../layout.js';

/** One entry of the metadata, its data a view. */
export interface Entry {
  readonly entryType: number;
  readonly valueType: number;
  readonly data: Uint8Array;
}

/** More than this many entries in one list are no metadata. */
const MAX_ENTRIES = 1024;

/**
 * The entries that lie one behind the other in `data`. An entry without size ends them.
 * @param base absolute offset of `data`, for errors
 * @throws CorruptImageError when one ends past the end
 */
export function readEntries(data: Uint8Array, base: number): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; at + EntryHeader.size <= data.length && entries.length < MAX_ENTRIES; ) {
    const { size, entryType, valueType } = EntryHeader.decode(data, at, base);
    if (size === 0) break;
    if (size < EntryHeader.size || at + size > data.length) {
      const found = { field: 'size', offset: base + at, expected: `8 to ${data.length - at}`, found: size };
      throw new CorruptImageError({ structure: EntryHeader.name, citation: SPECIFICATION, ...found });
    }
    entries.push({ entryType, valueType, data: data.subarray(at + EntryHeader.size, at + size) });
    at += size;
  }
  return entries;
}
