import { corrupt } from './corruption.js';
import type { HiveKey } from './hive-key.js';
import type { HiveValue } from './hive-value.js';
import { BASE_BLOCK_SIZE, MAX_DEPTH } from './layout.js';
import { OffsetSet } from './offset-set.js';

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

interface Waiting {
  readonly key: HiveKey;
  readonly path: string;
  readonly depth: number;
}

/** Guards a walk against hives whose parts point at each other: no key, and no value, has two places. */
class Guard {
  readonly #seen = new OffsetSet();
  #data = 0;

  constructor(readonly limit: number) {}

  enter({ key, depth }: Waiting): void {
    const at = key.cell + BASE_BLOCK_SIZE;
    if (!this.#seen.add(key.cell))
      throw corrupt('KeyNode', 'Key node', at, 'the key is below two keys, or below itself');
    if (depth > MAX_DEPTH) throw corrupt('KeyNode', 'Key node', at, `a key more than ${MAX_DEPTH} levels deep`);
  }

  take(values: readonly HiveValue[]): void {
    for (const { cell, size } of values) {
      const at = cell + BASE_BLOCK_SIZE;
      if (!this.#seen.add(cell)) throw corrupt('KeyValue', 'Key value', at, 'the value belongs to two keys');
      this.#data += size;
      if (this.#data > this.limit)
        throw corrupt('KeyValue', 'Key value', at, 'the values have more data than the hive');
    }
  }
}

/**
 * A key and all below it, each before its subkeys, in the order of the hive.
 * @throws CorruptImageError when a key or value is reached twice
 */
export async function* walkKeys(start: HiveKey, options: WalkOptions = {}): AsyncGenerator<WalkedKey> {
  const guard = new Guard(start.state.cells.binsSize);
  const stack: Waiting[] = [{ key: start, path: '', depth: 1 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { key, path, depth } = next;
    guard.enter(next);
    const values = options.values === false ? [] : (key.peekValues() ?? (await key.valueList()));
    guard.take(values);
    const subkeys = key.peekSubkeys() ?? (await key.subkeyList());
    for (let i = subkeys.length - 1; i >= 0; i--) {
      const subkey = subkeys[i]!;
      stack.push({ key: subkey, path: path === '' ? subkey.name : `${path}\\${subkey.name}`, depth: depth + 1 });
    }
    yield { key, path, values };
  }
}
