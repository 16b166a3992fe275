import { corrupt } from './corruption.js';
import type { HiveState } from './hive-state.js';
import { HiveValue } from './hive-value.js';
import { readValue, type ValueRecord, valueCells, valueData } from './key-value.js';
import { BASE_BLOCK_SIZE } from './layout.js';

/** A value with its data. */
export function loadValue(state: HiveState, record: ValueRecord): HiveValue {
  const raw = valueData(state.cells, record, state.base.minorVersion);
  return new HiveValue(record.cell, record.name, record.type, raw);
}

/**
 * All values of the key node at `key`.
 * @throws CorruptImageError when they claim more data together than the hive has: no two values share theirs
 */
export function loadValues(state: HiveState, key: number): HiveValue[] {
  let total = 0;
  return valueCells(state.cells, key).map((cell) => {
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
    return loadValue(state, record);
  });
}
