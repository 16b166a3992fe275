import { FsError } from '@vmcraft/core/errors';
import { corrupt } from './corruption.js';
import { HiveKey } from './hive-key.js';
import type { HiveState } from './hive-state.js';
import type { HiveValue } from './hive-value.js';
import { openKeyNode } from './key-node.js';
import { BASE_BLOCK_SIZE, MAX_DEPTH } from './layout.js';
import { loadValues } from './load-value.js';
import { OffsetSet } from './offset-set.js';
import { subkeyCells } from './subkey-list.js';

/** One key of a walk. */
export interface WalkedKey {
  readonly key: HiveKey;
  /** From the key where the walk began, names divided by backslashes; empty for that key itself. */
  readonly path: string;
  /** Its values with their data; empty when they were not asked for. */
  readonly values: readonly HiveValue[];
}

/** What a walk gives. */
export interface WalkOptions {
  /** Read the values too (true). */
  readonly values?: boolean;
}

/** Keys that a visit takes before it lets pages of the hive go that it has passed. */
const VISIT_KEYS = 512;
const NO_VALUES: readonly HiveValue[] = [];

/** Its path is made when it is asked for: most walks look at names alone. */
class Step implements WalkedKey {
  constructor(
    readonly key: HiveKey,
    readonly values: readonly HiveValue[],
    /** Path of the key above; undefined for the first key. */
    readonly above: string | undefined,
  ) {}

  get path(): string {
    if (this.above === undefined) return '';
    return this.above === '' ? this.key.name : `${this.above}\\${this.key.name}`;
  }
}

/** Keys with one parent that the walk has still to come to. */
interface Family {
  readonly keys: readonly number[];
  /** Which life of its cell each is, see {@link HandleTable}; undefined when no key was ever deleted or moved. */
  readonly epochs: readonly number[] | undefined;
  readonly path: string | undefined;
  next: number;
}

/** A walk, key by key. No key, and no value, may have two places: parts of a hive can point at each other. */
class Walk {
  readonly #seen = new OffsetSet();
  readonly #families: Family[];
  readonly #withValues: boolean;
  readonly #state: HiveState;
  #dataLeft: number;

  constructor(start: HiveKey, options: WalkOptions) {
    this.#state = start.state;
    this.#withValues = options.values !== false;
    this.#dataLeft = start.state.cells.binsSize;
    this.#families = [this.#family([start.cell], undefined)];
  }

  /** The next key; undefined after the last. Synchronous, and to be called again when a page was missing. */
  next(): WalkedKey | undefined {
    const state = this.#state;
    let family = this.#families.at(-1);
    while (family !== undefined && family.next === family.keys.length) {
      this.#families.pop();
      family = this.#families.at(-1);
    }
    if (family === undefined) return undefined;
    const cell = this.#cellOf(family);
    const position = openKeyNode(state.cells, cell);
    const key = new HiveKey(state, cell, position);
    const values = this.#withValues ? loadValues(state, cell, position) : NO_VALUES;
    const subkeys = subkeyCells(state.cells, cell, position);
    // All that is needed of the hive was read: from here on the walk is changed.
    this.#enter(cell);
    this.#take(values);
    family.next++;
    const step = new Step(key, values, family.path);
    if (subkeys.length > 0) this.#families.push(this.#family(subkeys, step.path));
    return step;
  }

  #family(keys: readonly number[], path: string | undefined): Family {
    const { handles } = this.#state;
    const epochs = handles.isUntouched ? undefined : keys.map((cell) => handles.epochOf(cell));
    return { keys, epochs, path, next: 0 };
  }

  #cellOf({ keys, epochs, path, next }: Family): number {
    const { handles } = this.#state;
    if (handles.isUntouched) return keys[next]!;
    const now = handles.follow({ cell: keys[next]!, epoch: epochs?.[next] ?? 0 });
    if (now !== undefined) return now.cell;
    throw new FsError('ENOENT', { operation: 'registry walk', path: `${path}\\?`, reason: 'deleted meanwhile' });
  }

  #enter(cell: number): void {
    const at = cell + BASE_BLOCK_SIZE;
    if (!this.#seen.add(cell)) throw corrupt('KeyNode', 'Key node', at, 'the key is below two keys, or below itself');
    if (this.#families.length > MAX_DEPTH) {
      throw corrupt('KeyNode', 'Key node', at, `a key more than ${MAX_DEPTH} levels deep`);
    }
  }

  #take(values: readonly HiveValue[]): void {
    for (let i = 0; i < values.length; i++) {
      const { cell, size } = values[i]!;
      this.#dataLeft -= size;
      if (!this.#seen.add(cell)) throw misplaced(cell, 'the value belongs to two keys');
      if (this.#dataLeft < 0) throw misplaced(cell, 'the values have more data than the hive');
    }
  }
}

const misplaced = (cell: number, reason: string): Error =>
  corrupt('KeyValue', 'Key value', cell + BASE_BLOCK_SIZE, reason);

/**
 * A key and all below it, each before its subkeys, in the order of the hive.
 * @throws CorruptImageError when a key or value is reached twice
 */
export async function* walkKeys(start: HiveKey, options: WalkOptions = {}): AsyncGenerator<WalkedKey> {
  const { store } = start.state;
  const walk = new Walk(start, options);
  const next = (): WalkedKey | undefined => walk.next();
  // Undefined is both the end of the walk and a missing page; `run` tells them apart.
  for (let step = store.peek(next); ; step = store.peek(next)) {
    step ??= await store.run(next);
    if (step === undefined) return;
    yield step;
  }
}

/**
 * Calls `visit` with each key of {@link walkKeys}, without a wait for each of them, which makes long walks up to twice as fast. What
 * `visit` throws ends the walk; nothing waits for a promise that it returns.
 * @throws CorruptImageError when a key or value is reached twice
 */
export async function visitKeys(
  start: HiveKey,
  visit: (walked: WalkedKey) => void,
  options: WalkOptions = {},
): Promise<void> {
  const walk = new Walk(start, options);
  let isDone = false;
  let left = 0;
  const visitSome = (): void => {
    for (; left > 0; left--) {
      const step = walk.next();
      isDone = step === undefined;
      if (step === undefined) return;
      visit(step);
    }
  };
  while (!isDone) {
    left = VISIT_KEYS;
    await start.state.store.run(visitSome);
  }
}
