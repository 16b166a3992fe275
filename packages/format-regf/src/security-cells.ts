import { equalBytes } from '@vmcraft/core/binary';
import { corrupt } from './corruption.js';
import type { HiveState } from './hive-state.js';
import { Nk, openKeyNode } from './key-node.js';
import { KeySecurity, NO_CELL, Signature } from './layout.js';

const FLINK = KeySecurity.offsetOf('flink');
const BLINK = KeySecurity.offsetOf('blink');
const COUNT = KeySecurity.offsetOf('referenceCount');
const SIZE = KeySecurity.offsetOf('descriptorSize');

function openSecurity(state: HiveState, cell: number): number {
  const position = state.cells.open(cell, KeySecurity.size, 'KeySecurity');
  if (state.store.u16(position) !== Signature.sk)
    throw corrupt('KeySecurity', 'Key security', position, 'no "sk" here');
  state.cells.open(cell, KeySecurity.size + state.store.u32(position + SIZE), 'KeySecurity');
  return position;
}

function descriptorAt(state: HiveState, position: number): Uint8Array {
  return state.store.bytes(position + KeySecurity.size, state.store.u32(position + SIZE));
}

/** Cell of a key's security item, undefined when it has none. */
export function securityCell(state: HiveState, key: number): number | undefined {
  const cell = state.store.u32(openKeyNode(state.cells, key) + Nk.security);
  return cell === NO_CELL ? undefined : cell;
}

/** A copy of the security descriptor of a key. */
export function securityDescriptor(state: HiveState, key: number): Uint8Array | undefined {
  const cell = securityCell(state, key);
  return cell === undefined ? undefined : descriptorAt(state, openSecurity(state, cell)).slice();
}

/** One more key has the security item in `cell`. */
export function shareSecurity(state: HiveState, cell: number): void {
  const position = openSecurity(state, cell) + COUNT;
  state.store.setU32(position, state.store.u32(position) + 1);
}

/** One key less has it; the last one frees it and takes it out of the ring. */
export function releaseSecurity(state: HiveState, cell: number): void {
  const { store } = state;
  const position = openSecurity(state, cell);
  const count = store.u32(position + COUNT);
  if (count > 1) {
    store.setU32(position + COUNT, count - 1);
    return;
  }
  const [next, before] = [store.u32(position + FLINK), store.u32(position + BLINK)];
  if (next !== cell) {
    store.setU32(openSecurity(state, before) + FLINK, next);
    store.setU32(openSecurity(state, next) + BLINK, before);
  }
  state.allocator.free(cell, 'KeySecurity');
}

/** The item of the ring through `start` that has this descriptor. */
function findInRing(state: HiveState, start: number, descriptor: Uint8Array): number | undefined {
  const seen = new Set<number>();
  for (let cell = start; !seen.has(cell); ) {
    seen.add(cell);
    const position = openSecurity(state, cell);
    if (equalBytes(descriptorAt(state, position), descriptor)) return cell;
    cell = state.store.u32(position + FLINK);
  }
  return undefined;
}

/** A new item that nobody has yet, in the ring after `neighbour` or alone. */
export function addSecurity(state: HiveState, neighbour: number | undefined, descriptor: Uint8Array): number {
  const { store } = state;
  const cell = state.allocator.allocate(KeySecurity.size + descriptor.length);
  const position = state.cells.open(cell, KeySecurity.size, 'KeySecurity');
  let [flink, blink] = [cell, cell];
  if (neighbour !== undefined) {
    const at = openSecurity(state, neighbour);
    flink = store.u32(at + FLINK);
    blink = neighbour;
    store.setU32(at + FLINK, cell);
    store.setU32(openSecurity(state, flink) + BLINK, cell);
  }
  const fields = { signature: 'sk', flink, blink, referenceCount: 0, descriptorSize: descriptor.length };
  store.setBytes(position, KeySecurity.encode(fields));
  store.setBytes(position + KeySecurity.size, descriptor);
  return cell;
}

/** Give a key this descriptor, sharing the item that other keys have with it. */
export function setSecurity(state: HiveState, key: number, descriptor: Uint8Array): void {
  const old = securityCell(state, key);
  const ring = old ?? securityCell(state, state.base.rootCell);
  const same = ring === undefined ? undefined : findInRing(state, ring, descriptor);
  if (same !== undefined && same === old) return;
  const cell = same ?? addSecurity(state, ring, descriptor);
  shareSecurity(state, cell);
  state.store.setU32(openKeyNode(state.cells, key) + Nk.security, cell);
  if (old !== undefined) releaseSecurity(state, old);
}
