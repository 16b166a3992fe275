import type { EntryFormat } from './entry-format.js';
import type { ParsedEntry } from './node.js';

/** Where a name's entries lie. */
export interface IndexedName {
  readonly name: string;
  readonly alias: string | undefined;
  readonly slot: number;
  readonly slotCount: number;
}

/** Free slots in a row. */
interface FreeRun {
  slot: number;
  count: number;
}

/** The names and free slots of one directory, so that neither lookup nor creation has to read it again. */
export class DirectoryIndex {
  readonly #format: EntryFormat;
  /** By folded name; several only where another system wrote names that we hold to be equal. */
  readonly #names = new Map<string, IndexedName | IndexedName[]>();
  #free: FreeRun[] = [];
  #count = 0;
  /** First slot never used: what follows is free up to the directory's capacity. */
  end = 0;

  constructor(format: EntryFormat) {
    this.#format = format;
  }

  /** Names known, for bounding the memory of all indices. */
  get size(): number {
    return this.#count;
  }

  add(entry: { name: string; alias?: string | undefined; slot: number; slotCount: number }): void {
    const named: IndexedName = {
      name: entry.name,
      alias: entry.alias,
      slot: entry.slot,
      slotCount: entry.slotCount,
    };
    this.#count++;
    this.#put(this.#format.fold(named.name), named);
    if (named.alias !== undefined) this.#put(this.#format.fold(named.alias), named);
  }

  #put(key: string, named: IndexedName): void {
    const there = this.#names.get(key);
    if (there === undefined) this.#names.set(key, named);
    else if (Array.isArray(there)) there.push(named);
    else if (there !== named) this.#names.set(key, [there, named]);
  }

  /** The entry of a name, without regard to case; the one that is spelt so comes first. */
  find(name: string): IndexedName | undefined {
    const there = this.#names.get(this.#format.fold(name));
    if (!Array.isArray(there)) return there;
    return there.find((named) => named.name === name) ?? there[0];
  }

  /** Whether a name or short name is taken. */
  has(name: string): boolean {
    return this.#names.has(this.#format.fold(name));
  }

  /** Forget a name; its slots become free. */
  remove(slot: number, entry: { name: string }): void {
    const named = this.#at(this.#format.fold(entry.name), slot);
    if (named === undefined) return;
    this.#count--;
    this.#drop(this.#format.fold(named.name), named);
    if (named.alias !== undefined) this.#drop(this.#format.fold(named.alias), named);
    this.release(named.slot, named.slotCount);
  }

  #at(key: string, slot: number): IndexedName | undefined {
    const there = this.#names.get(key);
    return Array.isArray(there) ? there.find((n) => n.slot === slot) : there?.slot === slot ? there : undefined;
  }

  #drop(key: string, named: IndexedName): void {
    const there = this.#names.get(key);
    if (!Array.isArray(there)) {
      if (there === named) this.#names.delete(key);
      return;
    }
    const rest = there.filter((n) => n !== named);
    if (rest.length === 0) this.#names.delete(key);
    else this.#names.set(key, rest.length === 1 ? rest[0]! : rest);
  }

  /** Note free slots. */
  release(slot: number, count: number): void {
    const last = this.#free.at(-1);
    if (last !== undefined && last.slot + last.count === slot) last.count += count;
    else this.#free.push({ slot, count });
  }

  /** Take `count` free slots in a row; undefined when there are none before the end mark. */
  take(count: number): number | undefined {
    for (const [i, run] of this.#free.entries()) {
      if (run.count < count) continue;
      const slot = run.slot;
      run.slot += count;
      run.count -= count;
      if (run.count === 0) this.#free.splice(i, 1);
      return slot;
    }
    return undefined;
  }

  /** All names, for counting. */
  isEmpty(): boolean {
    return this.#count === 0;
  }
}

/** What {@link DirectoryIndex.add} needs of a parsed entry. */
export type IndexableEntry = Pick<ParsedEntry, 'name' | 'alias' | 'slot' | 'slotCount'>;
