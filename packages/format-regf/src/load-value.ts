import { corrupt } from './corruption.js';
import type { HiveState } from './hive-state.js';
import { HiveValue } from './hive-value.js';
import { bigData, dataPosition, readValue, type ValueRecord, valueCells } from './key-value.js';
import { BASE_BLOCK_SIZE } from './layout.js';

const NO_DATA = new Uint8Array(0);

/** A value with its data. */
export function loadValue({ cells, store, base, writable }: HiveState, record: ValueRecord): HiveValue {
  const { cell, name, type, size } = record;
  if (size === 0) return new HiveValue(cell, name, type, 0, NO_DATA, 0);
  const position = dataPosition(cells, record, base.minorVersion);
  if (position === undefined) return new HiveValue(cell, name, type, size, bigData(cells, record), 0);
  // Bytes of a hive that is only read do not change any more.
  if (!writable && store.isInOnePage(position, size)) {
    return new HiveValue(cell, name, type, size, store.pageBytes(position, size), store.placeOf(position));
  }
  return new HiveValue(cell, name, type, size, store.bytes(position, size).slice(), 0);
}

/**
 * All values of the key node at `key`.
 * @throws CorruptImageError when they claim more data together than the hive has: no two values share theirs
 */
export function loadValues(state: HiveState, key: number): HiveValue[] {
  let total = 0;
  const out: HiveValue[] = [];
  for (const cell of valueCells(state.cells, key)) {
    const record = readValue(state.cells, cell);
    total += record.size;
    if (total > state.cells.binsSize) {
      throw corrupt(
        'KeyNode',
        'Key values list',
        key + BASE_BLOCK_SIZE,
        'its values claim more data than the hive has',
      );
    }
    out.push(loadValue(state, record));
  }
  return out;
}
