import { viewOf } from '@vmcraft/core/binary';
import type { Cells } from './cells.js';
import { corrupt } from './corruption.js';
import { Nk, openKeyNode } from './key-node.js';
import {
  BASE_BLOCK_SIZE,
  BigData,
  CELL_HEADER,
  INLINE_DATA,
  KeyFlag,
  KeyValue,
  LAST_MINOR_WITHOUT_BIG_DATA,
  SEGMENT_SIZE,
  Signature,
  VALUE_COMPRESSED_NAME,
} from './layout.js';
import { sameName } from './upcase.js';

/** Offsets within a key value. Section "Key value". */
export const Vk = {
  nameLength: KeyValue.offsetOf('nameLength'),
  dataSize: KeyValue.offsetOf('dataSize'),
  dataOffset: KeyValue.offsetOf('dataOffset'),
  dataType: KeyValue.offsetOf('dataType'),
  flags: KeyValue.offsetOf('flags'),
  name: KeyValue.size,
} as const;

const BIG_LIST = BigData.offsetOf('segmentList');
const BIG_COUNT = BigData.offsetOf('segmentCount');

/** A key value without its data. */
export interface ValueRecord {
  readonly cell: number;
  readonly name: string;
  readonly type: number;
  /** Bytes of data. */
  readonly size: number;
  /** File position of the data when it lies in the record itself. */
  readonly inline: number | undefined;
  /** Cell of the data or of its big data record; meaningless for inline and empty data. */
  readonly dataCell: number;
}

/**
 * Offsets of a key's values, in order; `position` is that of its node.
 * @throws CorruptImageError when the list does not fit its cell
 */
export function valueCells(cells: Cells, key: number, position = openKeyNode(cells, key)): number[] {
  const { store } = cells;
  const count = store.u32(position + Nk.valueCount);
  // The count of a predefined handle's key is the handle. Section "Key node", "Flags".
  if (count === 0 || (store.u16(position + Nk.flags) & KeyFlag.predefinedHandle) !== 0) return [];
  const start = cells.open(store.u32(position + Nk.valueList), count * 4, 'KeyValuesList');
  const out: number[] = new Array(count);
  for (let i = 0; i < count; i++) out[i] = store.u32(start + i * 4);
  return out;
}

/** The key value in `cell`. */
export function readValue(cells: Cells, cell: number): ValueRecord {
  const { store } = cells;
  const room = cells.capacity(cell, 'KeyValue');
  const position = cell + BASE_BLOCK_SIZE + CELL_HEADER;
  const isWhole = store.isInOnePage(position, KeyValue.size);
  if (room < KeyValue.size) throw tooShort(position, room);
  const view = isWhole ? store.pageView(position, KeyValue.size) : viewOf(store.bytes(position, KeyValue.size));
  const at = isWhole ? store.placeOf(position) : 0;
  if (view.getUint16(at, true) !== Signature.vk) throw corrupt('KeyValue', 'Key value', position, 'no "vk" here');
  const nameLength = view.getUint16(at + Vk.nameLength, true);
  if (room < Vk.name + nameLength) throw tooShort(position, room);
  // The highest bit says that the data are inline. Section "Key value", "Data size".
  const dataSize = view.getInt32(at + Vk.dataSize, true);
  const isInline = dataSize < 0;
  const size = isInline ? dataSize & (INLINE_DATA - 1) : dataSize;
  if (size > (isInline ? 4 : cells.binsSize)) throw tooLong(position, size, isInline);
  return {
    cell,
    name:
      nameLength === 0
        ? ''
        : cells.valueName(
            position + Vk.name,
            nameLength,
            (view.getUint16(at + Vk.flags, true) & VALUE_COMPRESSED_NAME) !== 0,
          ),
    type: view.getUint32(at + Vk.dataType, true),
    size,
    inline: isInline ? position + Vk.dataOffset : undefined,
    // Inline data are no cell; as a number they would be one that V8 keeps outside of the record.
    dataCell: isInline ? 0 : view.getUint32(at + Vk.dataOffset, true),
  };
}

const tooShort = (position: number, room: number): Error =>
  corrupt('KeyValue', 'Key value', position, `does not fit its cell of ${room} bytes`);

const tooLong = (position: number, size: number, isInline: boolean): Error =>
  corrupt(
    'KeyValue',
    'Key value',
    position,
    isInline ? `${size} bytes in four` : 'more data than the hive has',
    'dataSize',
  );

/** The value of a key with this name; the default value's is empty. */
export function findValue(cells: Cells, key: number, name: string): ValueRecord | undefined {
  for (const cell of valueCells(cells, key)) {
    const length = cells.store.u16(cells.open(cell, KeyValue.size, 'KeyValue') + Vk.nameLength);
    if (length !== name.length && length !== name.length * 2) continue;
    const value = readValue(cells, cell);
    if (sameName(value.name, name)) return value;
  }
  return undefined;
}

/** Whether data of this size is in a big data record. Section "Big data". */
export function isBigData(size: number, minorVersion: number): boolean {
  return size > SEGMENT_SIZE && minorVersion > LAST_MINOR_WITHOUT_BIG_DATA;
}

/** File position of data that lies in one piece; undefined for a big data record. The data is not empty. */
export function dataPosition(cells: Cells, value: ValueRecord, minorVersion: number): number | undefined {
  if (value.inline !== undefined) return value.inline;
  // A cell that has room for all of it holds it plainly: hivex writes long values so whatever the version.
  const isBig = isBigData(value.size, minorVersion) && cells.capacity(value.dataCell, 'ValueData') < value.size;
  return isBig ? undefined : cells.open(value.dataCell, value.size, 'ValueData');
}

/** Cells of the segments of a big data record, and that of their list. */
export function bigDataCells(cells: Cells, record: number): { list: number; segments: number[] } {
  const position = cells.open(record, BigData.size, 'BigData');
  if (cells.store.u16(position) !== Signature.db) throw corrupt('BigData', 'Big data', position, 'no "db" here');
  const count = cells.store.u16(position + BIG_COUNT);
  const list = cells.store.u32(position + BIG_LIST);
  const start = cells.open(list, count * 4, 'BigData');
  const segments: number[] = [];
  for (let i = 0; i < count; i++) segments.push(cells.store.u32(start + i * 4));
  return { list, segments };
}

/** The data of a big data record. */
export function bigData(cells: Cells, value: ValueRecord): Uint8Array {
  const { segments } = bigDataCells(cells, value.dataCell);
  if (segments.length !== Math.ceil(value.size / SEGMENT_SIZE)) {
    const reason = `${segments.length} segments for ${value.size} bytes`;
    throw corrupt('BigData', 'Big data', value.dataCell, reason, 'segmentCount');
  }
  const out = new Uint8Array(value.size);
  for (const [i, segment] of segments.entries()) {
    const length = Math.min(SEGMENT_SIZE, value.size - i * SEGMENT_SIZE);
    out.set(cells.contents(segment, length, 'BigData'), i * SEGMENT_SIZE);
  }
  return out;
}
