import type { Application } from '@vmcraft/core';
import { viewOf } from '@vmcraft/core/binary';
import { HeaderCounts, IndexEntry, Tag, TagType } from './layout.js';
import { broken } from './limits.js';

/** Index entries of one header; the largest packages have some hundred tags. */
const MAX_ENTRIES = 65_536;

/**
 * The package that a header of the database describes; undefined for what is kept there and is no package (public keys).
 * @throws CorruptImageError
 */
export function packageOf(blob: Uint8Array): Application | undefined {
  const tags = new HeaderTags(blob);
  const name = tags.text(Tag.name);
  if (name === undefined || name === 'gpg-pubkey') return undefined;
  const epoch = tags.number(Tag.epoch);
  const source = tags.text(Tag.sourceRpm)?.replace(/-[^-]+-[^-]+\.(no)?src\.rpm$/, '');
  return {
    name,
    ...(epoch === undefined ? {} : { epoch }),
    version: tags.text(Tag.version) ?? '',
    ...optional('release', tags.text(Tag.release)),
    ...optional('arch', tags.text(Tag.arch)),
    ...optional('publisher', tags.text(Tag.vendor)),
    ...optional('url', tags.text(Tag.url)),
    ...optional('sourcePackage', source),
    ...optional('summary', tags.text(Tag.summary)),
    ...optional('description', tags.text(Tag.description)),
  };
}

function optional<K extends string>(key: K, value: string | undefined): Partial<Record<K, string>> {
  return value === undefined || value === '' ? {} : ({ [key]: value } as Record<K, string>);
}

/** Values by tag. LSB Core 5.0, 25.2.4.3 "Index Record": offsets count from the end of the index. */
class HeaderTags {
  readonly #entries = new Map<number, { readonly type: number; readonly at: number }>();

  constructor(private readonly blob: Uint8Array) {
    const { indexLength, dataLength } = HeaderCounts.decode(blob);
    if (indexLength > MAX_ENTRIES) throw broken('rpm header', 'index length', `at most ${MAX_ENTRIES}`, indexLength);
    const store = HeaderCounts.size + indexLength * IndexEntry.size;
    if (store + dataLength > blob.length) {
      throw broken('rpm header', 'length', `at most ${blob.length}`, store + dataLength);
    }
    for (let i = 0; i < indexLength; i++) {
      const { tag, type, offset } = IndexEntry.decode(blob, HeaderCounts.size + i * IndexEntry.size);
      if (offset < dataLength) this.#entries.set(tag, { type, at: store + offset });
    }
  }

  /** The first string; the C locale comes first in translated ones. */
  text(tag: number): string | undefined {
    const entry = this.#entries.get(tag);
    const texts: readonly number[] = [TagType.string, TagType.stringArray, TagType.i18nString];
    if (entry === undefined || !texts.includes(entry.type)) return undefined;
    const end = this.blob.indexOf(0, entry.at);
    return new TextDecoder().decode(this.blob.subarray(entry.at, end < 0 ? this.blob.length : end));
  }

  number(tag: number): number | undefined {
    const entry = this.#entries.get(tag);
    if (entry?.type !== TagType.int32 || entry.at + 4 > this.blob.length) return undefined;
    return viewOf(this.blob).getUint32(entry.at);
  }
}
