import { CorruptImageError, FsError, LimitExceededError } from '@vmcraft/core/errors';
import { DirectoryIndex, type IndexedName } from './directory-index.js';
import type { EncodedEntry, EntryFormat, EntrySink } from './entry-format.js';
import { ENTRY_SIZE } from './layout.js';
import type { ClusterNode, EntryPlace, ParsedEntry } from './node.js';
import type { Volume } from './volume.js';

/** The root directory of FAT12 and FAT16: a fixed span before the clusters. Bytes. */
export interface FixedRoot {
  readonly offset: number;
  readonly size: number;
}

/** Bytes looked at in one go. */
const CHUNK = 65536;
/** Zeros written at once into new directory clusters. */
const MAX_ZEROES = 1024 * 1024;

/** The slots of directories: where they lie, reading, writing, growing. */
export class DirectoryStore {
  readonly volume: Volume;
  readonly format: EntryFormat;
  readonly #fixedRoot: FixedRoot | undefined;

  constructor(volume: Volume, format: EntryFormat, fixedRoot?: FixedRoot) {
    this.volume = volume;
    this.format = format;
    this.#fixedRoot = fixedRoot;
  }

  #fixed(dir: ClusterNode): FixedRoot | undefined {
    return dir.isRoot ? this.#fixedRoot : undefined;
  }

  /** Bytes that the directory takes on the device. */
  async capacity(dir: ClusterNode): Promise<number> {
    const fixed = this.#fixed(dir);
    return fixed?.size ?? (await dir.chain.length()) * this.volume.geometry.clusterSize;
  }

  /** Device offset of a directory's byte, and how many follow there; undefined past its end. */
  async #span(dir: ClusterNode, offset: number): Promise<{ position: number; length: number } | undefined> {
    const fixed = this.#fixed(dir);
    if (fixed !== undefined) {
      return offset < fixed.size ? { position: fixed.offset + offset, length: fixed.size - offset } : undefined;
    }
    const { clusterSize } = this.volume.geometry;
    const within = offset % clusterSize;
    const index = (offset - within) / clusterSize;
    await dir.chain.reach(index + Math.max(1, Math.ceil(CHUNK / clusterSize)));
    const run = dir.chain.peekRun(index);
    if (run === undefined) return undefined;
    return { position: this.volume.offsetOf(run.cluster) + within, length: run.count * clusterSize - within };
  }

  /**
   * All objects of a directory, in batches.
   * @throws CorruptImageError, LimitExceededError
   */
  async *scan(dir: ClusterNode, hooks: Omit<EntrySink, 'entries'> = {}): AsyncGenerator<ParsedEntry[]> {
    const parser = this.format.parser();
    const limit = this.format.maxSlots * ENTRY_SIZE;
    let found = 0;
    for (let offset = 0; ; ) {
      const span = await this.#span(dir, offset);
      if (span === undefined) return;
      if (offset >= limit) throw tooLong(offset);
      const length = Math.min(span.length, CHUNK);
      const data = await this.volume.cache.bytes(span.position, length);
      const entries: ParsedEntry[] = [];
      const more = parser.feed(data, offset / ENTRY_SIZE, span.position, { ...hooks, entries });
      found += entries.length;
      const max = this.volume.limits.maxDirEntries;
      if (found > max) {
        throw new LimitExceededError({ limit: 'entries of a directory', value: found, max, option: 'maxDirEntries' });
      }
      if (entries.length > 0) yield entries;
      if (!more) return;
      offset += length;
    }
  }

  /** The directory's names and free slots, read once. */
  async index(dir: ClusterNode): Promise<DirectoryIndex> {
    if (dir.index !== undefined) return dir.index;
    const index = new DirectoryIndex(this.format);
    let end: number | undefined;
    const hooks = {
      free: (slot: number, count: number) => index.release(slot, count),
      end: (slot: number) => {
        end = slot;
      },
    };
    for await (const entries of this.scan(dir, hooks)) for (const entry of entries) index.add(entry);
    index.end = end ?? (await this.capacity(dir)) / ENTRY_SIZE;
    dir.index = index;
    return index;
  }

  /** Parse one object again from its slots. */
  async parse(dir: ClusterNode, place: IndexedName): Promise<ParsedEntry> {
    const sink: { entries: ParsedEntry[] } = { entries: [] };
    const parser = this.format.parser();
    for (let slot = place.slot; slot < place.slot + place.slotCount; ) {
      const span = await this.#span(dir, slot * ENTRY_SIZE);
      if (span === undefined) break;
      const length = Math.min(span.length, (place.slot + place.slotCount - slot) * ENTRY_SIZE);
      parser.feed(await this.volume.cache.bytes(span.position, length), slot, span.position, sink);
      slot += length / ENTRY_SIZE;
    }
    const entry = sink.entries[0];
    if (entry === undefined) {
      throw new CorruptImageError({ structure: 'directory', reason: `no entry at slot ${place.slot}` });
    }
    return entry;
  }

  /** The bytes of slots, copied. */
  async read(dir: ClusterNode, slot: number, count: number): Promise<Uint8Array> {
    const out = new Uint8Array(count * ENTRY_SIZE);
    for (let done = 0; done < out.length; ) {
      const span = await this.#span(dir, slot * ENTRY_SIZE + done);
      if (span === undefined) {
        throw new CorruptImageError({ structure: 'directory', reason: `slot ${slot} lies past its end` });
      }
      const length = Math.min(span.length, out.length - done);
      out.set(await this.volume.cache.bytes(span.position, length), done);
      done += length;
    }
    return out;
  }

  /** Change slots. */
  async write(dir: ClusterNode, slot: number, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const span = await this.#span(dir, slot * ENTRY_SIZE + done);
      if (span === undefined) {
        throw new CorruptImageError({ structure: 'directory', reason: `slot ${slot} lies past its end` });
      }
      const length = Math.min(span.length, bytes.length - done);
      await this.volume.cache.modify(span.position, bytes.subarray(done, done + length), 'directory');
      done += length;
    }
  }

  /** Put the node's fields into its entries. */
  async update(node: ClusterNode): Promise<void> {
    const dir = node.parent;
    if (dir === undefined) return;
    const bytes = await this.read(dir, node.place.slot, node.place.slotCount);
    this.format.patch(bytes, node.fields);
    await this.write(dir, node.place.slot, bytes);
  }

  /**
   * Find room for `count` slots, growing the directory when there is none.
   * @throws FsError ENOSPC
   */
  async reserve(dir: ClusterNode, count: number, operation: string): Promise<number> {
    const index = await this.index(dir);
    const free = index.take(count);
    if (free !== undefined) return free;
    const needed = (index.end + count) * ENTRY_SIZE;
    const capacity = await this.capacity(dir);
    if (needed > capacity) await this.#grow(dir, needed - capacity, operation);
    const slot = index.end;
    index.end += count;
    await this.#terminate(dir, index.end);
    return slot;
  }

  /** What lies behind the last entry need not be zeros; there must be an end mark before it. */
  async #terminate(dir: ClusterNode, slot: number): Promise<void> {
    const span = await this.#span(dir, slot * ENTRY_SIZE);
    if (span === undefined) return;
    const bytes = await this.volume.cache.bytes(span.position, 1);
    if (bytes[0] !== 0) await this.volume.cache.modify(span.position, new Uint8Array(1), 'directory');
  }

  async #grow(dir: ClusterNode, bytes: number, operation: string): Promise<void> {
    const { clusterSize } = this.volume.geometry;
    if (this.#fixed(dir) !== undefined) {
      throw new FsError('ENOSPC', { operation, reason: 'the root directory of this volume has a fixed size' });
    }
    const count = Math.ceil(bytes / clusterSize);
    const total = (await dir.chain.length()) + count;
    if (total * clusterSize > this.format.maxSlots * ENTRY_SIZE) {
      throw new FsError('ENOSPC', { operation, reason: 'the directory has its largest size' });
    }
    const runs = await this.volume.allocate(count, await dir.chain.goal(), operation);
    for (const run of runs) await this.clear(run.cluster, run.count);
    await dir.chain.extend(runs);
    dir.adoptChain();
    if (this.format.sizedDirectories) {
      dir.fields.size = total * clusterSize;
      dir.fields.validSize = dir.fields.size;
      await this.update(dir);
    }
  }

  /** Zero new clusters at once: they must be empty before anything points at them. */
  async clear(cluster: number, count: number, first?: Uint8Array): Promise<void> {
    const { clusterSize } = this.volume.geometry;
    const start = this.volume.offsetOf(cluster);
    const total = count * clusterSize;
    for (let done = 0; done < total; done += MAX_ZEROES) {
      const bytes = new Uint8Array(Math.min(MAX_ZEROES, total - done));
      if (done === 0 && first !== undefined) bytes.set(first);
      await this.volume.cache.writeThrough(start + done, bytes);
    }
  }

  /** Put the entries of a new name into a directory. @throws FsError ENOSPC */
  async insert(dir: ClusterNode, name: string, entry: EncodedEntry, operation: string): Promise<EntryPlace> {
    return this.place(dir, name, entry, await this.reserve(dir, entry.bytes.length / ENTRY_SIZE, operation));
  }

  /** Put entries into slots found by {@link reserve}, and into the index. */
  async place(dir: ClusterNode, name: string, entry: EncodedEntry, slot: number): Promise<EntryPlace> {
    const slotCount = entry.bytes.length / ENTRY_SIZE;
    await this.write(dir, slot, entry.bytes);
    (await this.index(dir)).add({ name, alias: entry.alias, slot, slotCount });
    const span = await this.#span(dir, (slot + entry.primary) * ENTRY_SIZE);
    return { slot, slotCount, position: span!.position };
  }

  /** Take a name's entries out. */
  async remove(dir: ClusterNode, entry: IndexedName): Promise<void> {
    const bytes = await this.read(dir, entry.slot, entry.slotCount);
    this.format.erase(bytes);
    await this.write(dir, entry.slot, bytes);
    (await this.index(dir)).remove(entry.slot, entry);
  }
}

function tooLong(offset: number): CorruptImageError {
  return new CorruptImageError({
    structure: 'directory',
    reason: `directory is longer than the ${offset} bytes that the format allows`,
    citation: 'Microsoft FAT specification 1.03 §6; exFAT specification §7.4',
  });
}
