import { encodeUtf16 } from '@vmcraft/core/binary';
import { FsError, LimitExceededError, UsageError } from '@vmcraft/core/errors';
import { dateToFileTime } from './file-time.js';
import type { HiveState } from './hive-state.js';
import { keyName, Nk, openKeyNode } from './key-node.js';
import { readValue, valueCells } from './key-value.js';
import { KeyFlag, KeyNode, LARGEST_NAME_MASK, MAX_DEPTH, MAX_KEY_NAME, NO_CELL } from './layout.js';
import { encodeName } from './names.js';
import { releaseSecurity, securityCell, shareSecurity } from './security-cells.js';
import { insertSubkey, removeSubkey } from './subkey-edit.js';
import { findSubkey, subkeyCells, subkeyCount } from './subkey-list.js';
import { freeValue, raise } from './value-edit.js';

const MAX_CLASS_BYTES = 0xffff;

/**
 * Check the name of a key to be.
 * @throws UsageError when Windows could not have it
 */
export function checkKeyName(name: string): void {
  if (name.length === 0 || name.length > MAX_KEY_NAME) {
    throw new UsageError(`a key's name has 1 to ${MAX_KEY_NAME} characters`, { argument: 'name' });
  }
  if (name.includes('\\')) throw new UsageError("a key's name has no backslash", { argument: 'name' });
}

/** Note on a key that it was changed now. */
export function touch(state: HiveState, key: number): void {
  setTime(state, key, dateToFileTime(state.now()));
}

/** Set a key's last-written time, in 100 ns units since 1601-01-01 UTC. */
export function setTime(state: HiveState, key: number, time: bigint): void {
  const position = openKeyNode(state.cells, key) + Nk.lastWritten;
  state.store.setU32(position, Number(time & 0xffffffffn));
  state.store.setU32(position + 4, Number(time >> 32n));
}

function raiseSubkeyName(state: HiveState, key: number, name: string): void {
  const position = openKeyNode(state.cells, key) + Nk.largestSubkeyName;
  if ((state.store.u32(position) & LARGEST_NAME_MASK) < name.length * 2) {
    state.store.setU16(position, name.length * 2);
  }
}

/** How many keys lie above `key`. @throws LimitExceededError when there are more than Windows allows */
function checkDepth(state: HiveState, key: number): void {
  let depth = 1;
  for (let cell = key; cell !== state.base.rootCell; depth++) {
    if (depth >= MAX_DEPTH) throw new LimitExceededError({ limit: 'depth of keys', value: depth + 1, max: MAX_DEPTH });
    cell = state.store.u32(openKeyNode(state.cells, cell) + Nk.parent);
  }
}

/** Cell of the subkey of this name; made if it is not there, with the security of its parent. */
export function createKey(state: HiveState, parent: number, name: string): number {
  checkKeyName(name);
  const existing = findSubkey(state.cells, parent, name);
  if (existing !== undefined) return existing;
  checkDepth(state, parent);
  const security = securityCell(state, parent);
  const stored = encodeName(name);
  const cell = state.allocator.allocate(KeyNode.size + stored.bytes.length);
  const fields = KeyNode.encode({
    signature: 'nk',
    flags: stored.compressed ? KeyFlag.compressedName : 0,
    parent,
    subkeyList: NO_CELL,
    volatileSubkeyList: NO_CELL,
    valueList: NO_CELL,
    security: security ?? NO_CELL,
    className: NO_CELL,
    nameLength: stored.bytes.length,
  });
  const position = state.cells.open(cell, KeyNode.size, 'KeyNode');
  state.store.setBytes(position, fields);
  state.store.setBytes(position + Nk.name, stored.bytes);
  if (security !== undefined) shareSecurity(state, security);
  insertSubkey(state, parent, cell, name);
  raiseSubkeyName(state, parent, name);
  touch(state, cell);
  touch(state, parent);
  return cell;
}

function parentOf(state: HiveState, key: number, operation: string): number {
  if (key === state.base.rootCell) {
    throw new FsError('EPERM', { operation, path: keyName(state.cells, key), reason: 'the root key' });
  }
  return state.store.u32(openKeyNode(state.cells, key) + Nk.parent);
}

function unlink(state: HiveState, parent: number, key: number): void {
  if (!removeSubkey(state, parent, key)) {
    throw new FsError('ENOENT', {
      operation: 'registry key',
      path: keyName(state.cells, key),
      reason: 'not in its parent',
    });
  }
  const position = openKeyNode(state.cells, parent);
  if (state.store.u32(position + Nk.subkeyCount) === 0) {
    state.store.setU16(position + Nk.largestSubkeyName, 0);
    state.store.setU32(position + Nk.largestSubkeyClass, 0);
  }
  touch(state, parent);
}

/** Delete a key that has no subkeys, with its values. */
export function deleteLeafKey(state: HiveState, key: number): void {
  const parent = parentOf(state, key, 'delete registry key');
  if (subkeyCount(state.cells, key) !== 0) {
    throw new FsError('ENOTEMPTY', { operation: 'delete registry key', path: keyName(state.cells, key) });
  }
  unlink(state, parent, key);
  const position = openKeyNode(state.cells, key);
  const values = valueCells(state.cells, key);
  for (const cell of values) freeValue(state, readValue(state.cells, cell));
  if (values.length > 0) state.allocator.free(state.store.u32(position + Nk.valueList), 'KeyValuesList');
  if (state.store.u16(position + Nk.classLength) !== 0) {
    state.allocator.free(state.store.u32(position + Nk.className), 'KeyNode');
  }
  const security = securityCell(state, key);
  if (security !== undefined) releaseSecurity(state, security);
  state.allocator.free(key, 'KeyNode');
  const back = state.handles.retire(key);
  state.store.onUndo(back);
  state.store.onRollback(back);
}

/** Give a key another name; returns its cell, which may be another. */
export function renameKey(state: HiveState, key: number, name: string): number {
  checkKeyName(name);
  const parent = parentOf(state, key, 'rename registry key');
  const other = findSubkey(state.cells, parent, name);
  if (other !== undefined && other !== key) {
    throw new FsError('EEXIST', { operation: 'rename registry key', path: name });
  }
  unlink(state, parent, key);
  const stored = encodeName(name);
  const cell = state.allocator.resize(key, KeyNode.size + stored.bytes.length, 'KeyNode');
  const position = state.cells.open(cell, KeyNode.size, 'KeyNode');
  const flags = state.store.u16(position + Nk.flags) & ~KeyFlag.compressedName;
  state.store.setU16(position + Nk.flags, stored.compressed ? flags | KeyFlag.compressedName : flags);
  state.store.setU16(position + Nk.nameLength, stored.bytes.length);
  state.store.setBytes(position + Nk.name, stored.bytes);
  if (cell !== key) moveKey(state, key, cell);
  insertSubkey(state, parent, cell, name);
  raiseSubkeyName(state, parent, name);
  touch(state, cell);
  return cell;
}

/** The key node moved: its subkeys point at it, and so do handles. */
function moveKey(state: HiveState, from: number, to: number): void {
  for (const subkey of subkeyCells(state.cells, to)) {
    state.store.setU32(openKeyNode(state.cells, subkey) + Nk.parent, to);
  }
  const back = state.handles.retire(from, to);
  state.store.onUndo(back);
  state.store.onRollback(back);
}

/** Set or, with undefined, remove the class name of a key. */
export function setClassName(state: HiveState, key: number, name: string | undefined): void {
  const data = encodeUtf16(name ?? '');
  if (data.length > MAX_CLASS_BYTES) {
    throw new UsageError(`a class name has at most ${MAX_CLASS_BYTES >> 1} characters`, { argument: 'name' });
  }
  const position = openKeyNode(state.cells, key);
  if (state.store.u16(position + Nk.classLength) !== 0) {
    state.allocator.free(state.store.u32(position + Nk.className), 'KeyNode');
  }
  const cell = data.length === 0 ? NO_CELL : state.allocator.allocate(data.length);
  if (cell !== NO_CELL) state.store.setBytes(state.cells.open(cell, data.length, 'KeyNode'), data);
  state.store.setU32(position + Nk.className, cell);
  state.store.setU16(position + Nk.classLength, data.length);
  if (key !== state.base.rootCell) {
    raise(state, parentOf(state, key, 'set class name'), Nk.largestSubkeyClass, data.length);
  }
  touch(state, key);
}
