import { LimitExceededError } from '@vmcraft/core/errors';
import type { HiveState } from './hive-state.js';
import { keyName, Nk, openKeyNode } from './key-node.js';
import { FIRST_MINOR_WITH_HASH_LEAF, LIST_HEADER, NO_CELL, Signature } from './layout.js';
import { nameHash, nameHint } from './names.js';
import { type Leaf, leafKey, type SubkeyIndex, searchPlace, strideOf, subkeyIndex } from './subkey-list.js';

/** Leaves are kept small enough for one bin page, as Windows keeps its own: 4096 less the headers of bin, cell and list. */
const LEAF_BYTES = 4056;
/** An index root counts its leaves in 16 bits. */
const MAX_LEAVES = 0xffff;

const maxCount = (leaf: Leaf): number => Math.floor(LEAF_BYTES / leaf.stride);

/** Lists have room for some more elements than they hold, so that not each one moves them. */
const withSlack = (count: number): number => count + Math.min(16, count >> 2);

/** Elements of a leaf as they are stored. */
function elements(state: HiveState, leaf: Leaf, from: number, to: number): Uint8Array {
  return state.store.bytes(leaf.position + LIST_HEADER + from * leaf.stride, (to - from) * leaf.stride).slice();
}

function element(signature: number, cell: number, name: string): Uint8Array {
  const out = new Uint8Array(strideOf(signature));
  const view = new DataView(out.buffer);
  view.setUint32(0, cell, true);
  if (signature === Signature.lh) view.setUint32(4, nameHash(name), true);
  if (signature === Signature.lf) view.setUint32(4, nameHint(name), true);
  return out;
}

function newLeaf(state: HiveState, signature: number, content: Uint8Array): number {
  const stride = strideOf(signature);
  const count = content.length / stride;
  const cell = state.allocator.allocate(LIST_HEADER + withSlack(count) * stride);
  const position = state.cells.open(cell, LIST_HEADER, 'SubkeyList');
  state.store.setU16(position, signature);
  state.store.setU16(position + 2, count);
  state.store.setBytes(position + LIST_HEADER, content);
  return cell;
}

/** Replace the elements from `at` on; returns the leaf's cell, which may have moved. */
function rewriteTail(state: HiveState, leaf: Leaf, at: number, tail: Uint8Array): number {
  const count = at + tail.length / leaf.stride;
  let cell = leaf.cell;
  if (count > leaf.count && state.cells.capacity(cell, 'SubkeyList') < LIST_HEADER + count * leaf.stride) {
    cell = state.allocator.resize(cell, LIST_HEADER + withSlack(count) * leaf.stride, 'SubkeyList');
  }
  const position = state.cells.open(cell, LIST_HEADER, 'SubkeyList');
  state.store.setU16(position + 2, count);
  state.store.setBytes(position + LIST_HEADER + at * leaf.stride, tail);
  return cell;
}

/** The leaf cells of an index become `leaves`: one leaf hangs on the key itself, more on an index root. */
function setLeaves(state: HiveState, key: number, root: number | undefined, leaves: readonly number[]): void {
  const list = openKeyNode(state.cells, key) + Nk.subkeyList;
  if (leaves.length > MAX_LEAVES) {
    throw new LimitExceededError({ limit: 'leaves of a subkey list', value: leaves.length, max: MAX_LEAVES });
  }
  if (leaves.length < 2) {
    if (root !== undefined) state.allocator.free(root, 'IndexRoot');
    state.store.setU32(list, leaves[0] ?? NO_CELL);
    return;
  }
  const length = LIST_HEADER + leaves.length * 4;
  let cell = root;
  if (cell === undefined) cell = state.allocator.allocate(LIST_HEADER + withSlack(leaves.length) * 4);
  else if (state.cells.capacity(cell, 'IndexRoot') < length) {
    cell = state.allocator.resize(cell, LIST_HEADER + withSlack(leaves.length) * 4, 'IndexRoot');
  }
  const position = state.cells.open(cell, length, 'IndexRoot');
  state.store.setU16(position, Signature.ri);
  state.store.setU16(position + 2, leaves.length);
  for (const [i, leaf] of leaves.entries()) state.store.setU32(position + LIST_HEADER + i * 4, leaf);
  state.store.setU32(list, cell);
}

function setCount(state: HiveState, key: number, count: number): void {
  state.store.setU32(openKeyNode(state.cells, key) + Nk.subkeyCount, count);
}

const totalOf = (index: SubkeyIndex): number => index.leaves.reduce((sum, leaf) => sum + leaf.count, 0);

/** Put the key node `cell` of this name into the lists of `key`, at its place in the order. */
export function insertSubkey(state: HiveState, key: number, cell: number, name: string): void {
  const index = subkeyIndex(state.cells, key);
  const place = searchPlace(state.cells, index.leaves, name);
  const leaf = index.leaves[place.leaf];
  const cells = index.leaves.map((each) => each.cell);
  setCount(state, key, totalOf(index) + 1);
  if (leaf === undefined) {
    const isHashed = state.base.minorVersion >= FIRST_MINOR_WITH_HASH_LEAF;
    const signature = isHashed ? Signature.lh : Signature.lf;
    setLeaves(state, key, index.root, [newLeaf(state, signature, element(signature, cell, name))]);
    return;
  }
  const [before, after] = [place.element, elements(state, leaf, place.element, leaf.count)];
  const tail = new Uint8Array(leaf.stride + after.length);
  tail.set(element(leaf.signature, cell, name));
  tail.set(after, leaf.stride);
  if (leaf.count < maxCount(leaf)) {
    const moved = rewriteTail(state, leaf, before, tail);
    if (moved === leaf.cell) return;
    cells[place.leaf] = moved;
  } else {
    cells.splice(place.leaf, 1, ...split(state, leaf, before, tail));
  }
  setLeaves(state, key, index.root, cells);
}

/** Two leaves in place of one that is full. Appending at the end leaves the first one full. */
function split(state: HiveState, leaf: Leaf, at: number, tail: Uint8Array): [number, number] {
  const all = new Uint8Array(at * leaf.stride + tail.length);
  all.set(elements(state, leaf, 0, at));
  all.set(tail, at * leaf.stride);
  const total = all.length / leaf.stride;
  const middle = at === leaf.count ? leaf.count : total >> 1;
  const second = newLeaf(state, leaf.signature, all.subarray(middle * leaf.stride));
  const kept = { ...leaf, count: middle };
  const first = rewriteTail(state, kept, 0, all.subarray(0, middle * leaf.stride));
  return [first, second];
}

/** Take the key node `cell` out of the lists of `key`. Returns whether it was there. */
export function removeSubkey(state: HiveState, key: number, cell: number): boolean {
  const index = subkeyIndex(state.cells, key);
  const place = placeOf(state, index, cell);
  if (place === undefined) return false;
  const leaf = index.leaves[place.leaf]!;
  const cells = index.leaves.map((each) => each.cell);
  setCount(state, key, totalOf(index) - 1);
  if (leaf.count === 1) {
    state.allocator.free(leaf.cell, 'SubkeyList');
    cells.splice(place.leaf, 1);
    setLeaves(state, key, index.root, cells);
    return true;
  }
  rewriteTail(state, leaf, place.element, elements(state, leaf, place.element + 1, leaf.count));
  if (merge(state, index, place.leaf, cells)) setLeaves(state, key, index.root, cells);
  return true;
}

function placeOf(state: HiveState, index: SubkeyIndex, cell: number): { leaf: number; element: number } | undefined {
  const place = searchPlace(state.cells, index.leaves, keyName(state.cells, cell));
  const leaf = index.leaves[place.leaf];
  if (leaf !== undefined && place.element < leaf.count && leafKey(state.cells, leaf, place.element) === cell)
    return place;
  for (const [number, each] of index.leaves.entries()) {
    for (let i = 0; i < each.count; i++)
      if (leafKey(state.cells, each, i) === cell) return { leaf: number, element: i };
  }
  return undefined;
}

/** Join a leaf that lost an element with a neighbour when both fit half a leaf. */
function merge(state: HiveState, index: SubkeyIndex, at: number, cells: number[]): boolean {
  const count = (i: number): number => index.leaves[i]!.count - (i === at ? 1 : 0);
  for (const first of [at - 1, at]) {
    const [a, b] = [index.leaves[first], index.leaves[first + 1]];
    if (a === undefined || b === undefined || a.signature !== b.signature) continue;
    if (count(first) + count(first + 1) > maxCount(a) / 2) continue;
    const moved = elements(state, b, 0, count(first + 1));
    cells[first] = rewriteTail(state, { ...a, count: count(first) }, count(first), moved);
    state.allocator.free(b.cell, 'SubkeyList');
    cells.splice(first + 1, 1);
    return true;
  }
  return false;
}
