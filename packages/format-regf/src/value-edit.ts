import { LimitExceededError, UsageError } from '@vmcraft/core/errors';
import type { HiveState } from './hive-state.js';
import { Nk, openKeyNode } from './key-node.js';
import { bigDataCells, findValue, isBigData, type ValueRecord, Vk, valueCells } from './key-value.js';
import {
  BigData,
  CELL_UNIT,
  INLINE_DATA,
  KeyFlag,
  KeyValue,
  MAX_VALUE_NAME,
  NO_CELL,
  SEGMENT_SIZE,
  Signature,
  VALUE_COMPRESSED_NAME,
} from './layout.js';
import { encodeName } from './names.js';

/** Longest data that a value can have; its size field has 31 bits, but a big data record counts 16 bits of segments. */
const MAX_DATA = 0xffff * SEGMENT_SIZE;
const MAX_INLINE = 4;

function checkValue(name: string, data: Uint8Array): void {
  if (name.length > MAX_VALUE_NAME) {
    throw new UsageError(`a value's name has at most ${MAX_VALUE_NAME} characters`, { argument: 'name' });
  }
  if (data.length > MAX_DATA) throw new LimitExceededError({ limit: 'value data', value: data.length, max: MAX_DATA });
}

/** Raise one of the "largest ..." fields of a key node. */
export function raise(state: HiveState, key: number, field: number, value: number): void {
  const position = openKeyNode(state.cells, key) + field;
  if (state.store.u32(position) < value) state.store.setU32(position, value);
}

/** Set a value, made when it is not there. */
export function setValue(state: HiveState, key: number, name: string, type: number, data: Uint8Array): void {
  checkValue(name, data);
  const position = openKeyNode(state.cells, key);
  if ((state.store.u16(position + Nk.flags) & KeyFlag.predefinedHandle) !== 0) {
    throw new UsageError('a key that stands for a predefined handle has no values', { argument: 'name' });
  }
  const existing = findValue(state.cells, key, name);
  if (existing === undefined) addValue(state, key, name, type, data);
  else replaceData(state, existing, type, data);
  raise(state, key, Nk.largestValueName, name.length * 2);
  raise(state, key, Nk.largestValueData, data.length);
}

function addValue(state: HiveState, key: number, name: string, type: number, data: Uint8Array): void {
  const stored = encodeName(name);
  const cell = state.allocator.allocate(KeyValue.size + stored.bytes.length);
  const at = state.cells.open(cell, KeyValue.size, 'KeyValue');
  state.store.setU16(at, Signature.vk);
  state.store.setU16(at + Vk.nameLength, stored.bytes.length);
  state.store.setU16(at + Vk.flags, stored.compressed && name !== '' ? VALUE_COMPRESSED_NAME : 0);
  state.store.setBytes(at + Vk.name, stored.bytes);
  writeData(state, cell, type, data);
  const values = valueCells(state.cells, key);
  const position = openKeyNode(state.cells, key);
  const length = (values.length + 1) * 4;
  let list = state.store.u32(position + Nk.valueList);
  if (values.length === 0) list = state.allocator.allocate(length);
  else if (state.cells.capacity(list, 'KeyValuesList') < length) {
    list = state.allocator.resize(list, length + Math.min(16, values.length >> 2) * 4, 'KeyValuesList');
  }
  state.store.setU32(state.cells.open(list, length, 'KeyValuesList') + values.length * 4, cell);
  state.store.setU32(position + Nk.valueList, list);
  state.store.setU32(position + Nk.valueCount, values.length + 1);
}

function replaceData(state: HiveState, value: ValueRecord, type: number, data: Uint8Array): void {
  const { cells, store } = state;
  const isPlain = value.inline === undefined && value.size > MAX_INLINE && data.length > MAX_INLINE;
  const isBig = [value.size, data.length].some((size) => isBigData(size, state.base.minorVersion));
  const capacity = isPlain && !isBig ? cells.capacity(value.dataCell, 'ValueData') : 0;
  if (capacity > 0 && capacity >= data.length && capacity - data.length < CELL_UNIT) {
    const at = cells.open(value.cell, KeyValue.size, 'KeyValue');
    store.setBytes(cells.open(value.dataCell, data.length, 'ValueData'), data);
    store.setU32(at + Vk.dataSize, data.length);
    store.setU32(at + Vk.dataType, type);
    return;
  }
  freeData(state, value);
  writeData(state, value.cell, type, data);
}

/** Store data for the key value in `cell`. Section "Key value", "Data size", and "Big data". */
function writeData(state: HiveState, cell: number, type: number, data: Uint8Array): void {
  const { store, cells } = state;
  const at = cells.open(cell, KeyValue.size, 'KeyValue');
  store.setU32(at + Vk.dataType, type);
  if (data.length <= MAX_INLINE) {
    store.setU32(at + Vk.dataSize, (INLINE_DATA + data.length) >>> 0);
    store.setU32(at + Vk.dataOffset, 0);
    store.setBytes(at + Vk.dataOffset, data);
    return;
  }
  const isBig = isBigData(data.length, state.base.minorVersion);
  const dataCell = isBig ? writeBigData(state, data) : writePlain(state, data);
  store.setU32(at + Vk.dataSize, data.length);
  store.setU32(at + Vk.dataOffset, dataCell);
}

function writePlain(state: HiveState, data: Uint8Array): number {
  const cell = state.allocator.allocate(data.length);
  state.store.setBytes(state.cells.open(cell, data.length, 'ValueData'), data);
  return cell;
}

function writeBigData(state: HiveState, data: Uint8Array): number {
  const { allocator, cells, store } = state;
  const count = Math.ceil(data.length / SEGMENT_SIZE);
  const list = allocator.allocate(count * 4);
  for (let i = 0; i < count; i++) {
    // Every segment gets a cell of full size, the last one too, as in hives that Windows wrote.
    const segment = allocator.allocate(SEGMENT_SIZE);
    const part = data.subarray(i * SEGMENT_SIZE, (i + 1) * SEGMENT_SIZE);
    store.setBytes(cells.open(segment, SEGMENT_SIZE, 'BigData'), part);
    store.setU32(cells.open(list, count * 4, 'BigData') + i * 4, segment);
  }
  const record = allocator.allocate(BigData.size);
  const at = cells.open(record, BigData.size, 'BigData');
  store.setBytes(at, BigData.encode({ signature: 'db', segmentCount: count, segmentList: list }));
  return record;
}

/** Free the cells of a value's data. */
function freeData(state: HiveState, value: ValueRecord): void {
  const { allocator, cells } = state;
  if (value.size === 0 || value.inline !== undefined) return;
  const isBig =
    isBigData(value.size, state.base.minorVersion) && cells.capacity(value.dataCell, 'ValueData') < value.size;
  if (isBig) {
    const { list, segments } = bigDataCells(cells, value.dataCell);
    for (const segment of segments) allocator.free(segment, 'BigData');
    allocator.free(list, 'BigData');
  }
  allocator.free(value.dataCell, 'ValueData');
}

/** Free a key value and its data. */
export function freeValue(state: HiveState, value: ValueRecord): void {
  freeData(state, value);
  state.allocator.free(value.cell, 'KeyValue');
}

/** Delete the value of this name. Returns whether there was one. */
export function deleteValue(state: HiveState, key: number, name: string): boolean {
  const value = findValue(state.cells, key, name);
  if (value === undefined) return false;
  const rest = valueCells(state.cells, key).filter((cell) => cell !== value.cell);
  const position = openKeyNode(state.cells, key);
  const list = state.store.u32(position + Nk.valueList);
  freeValue(state, value);
  state.store.setU32(position + Nk.valueCount, rest.length);
  if (rest.length === 0) {
    state.allocator.free(list, 'KeyValuesList');
    state.store.setU32(position + Nk.valueList, NO_CELL);
    state.store.setU32(position + Nk.largestValueName, 0);
    state.store.setU32(position + Nk.largestValueData, 0);
    return true;
  }
  const start = state.cells.open(list, rest.length * 4, 'KeyValuesList');
  for (const [i, cell] of rest.entries()) state.store.setU32(start + i * 4, cell);
  return true;
}
