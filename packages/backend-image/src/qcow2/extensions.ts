import { alignUp, CorruptImageError } from '@vmcraft/core';
import { EXTENSION, ExtensionHeader, FeatureName } from './layout.js';

/** One header extension. */
export interface Extension {
  readonly type: number;
  readonly data: Uint8Array;
  /** Where its data lies in the file, in bytes. */
  readonly offset: number;
}

/**
 * The extensions after the header.
 * @param area the first cluster up to where the backing file name begins
 * @throws CorruptImageError when one runs out of the area
 */
export function parseExtensions(area: Uint8Array, start: number): Extension[] {
  const found: Extension[] = [];
  for (let at = start; at + ExtensionHeader.size <= area.length; ) {
    const { type, length } = ExtensionHeader.decode(area, at);
    if (type === EXTENSION.end) break;
    const offset = at + ExtensionHeader.size;
    if (length > area.length - offset) {
      const expected = `at most ${area.length - offset}`;
      throw new CorruptImageError({
        structure: 'qcow2.headerExtension',
        field: 'length',
        offset: at,
        expected,
        found: length,
      });
    }
    found.push({ type, data: area.slice(offset, offset + length), offset });
    at = offset + alignUp(length, 8);
  }
  return found;
}

/** The extension of a type, if there is one. */
export function findExtension(extensions: readonly Extension[], type: number): Extension | undefined {
  return extensions.find((e) => e.type === type);
}

/** What the image's own table calls an incompatible feature. */
export function featureName(extensions: readonly Extension[], bit: number): string | undefined {
  const table = findExtension(extensions, EXTENSION.featureNames)?.data;
  if (table === undefined) return undefined;
  for (let at = 0; at + FeatureName.size <= table.length; at += FeatureName.size) {
    const entry = FeatureName.decode(table, at);
    if (entry.kind === 0 && entry.bit === bit && entry.name !== '') return entry.name;
  }
  return undefined;
}
