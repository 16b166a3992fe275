import { viewOf } from '@vmcraft/core/binary';
import type { Cells } from './cells.js';
import { corrupt } from './corruption.js';
import { keyName, Nk, openKeyNode } from './key-node.js';
import { LIST_HEADER, NO_CELL, Signature } from './layout.js';
import { nameHash } from './names.js';
import { compareNames, sameName, upcaseUnit } from './upcase.js';

/** One list of key nodes: an index leaf, fast leaf or hash leaf. */
export interface Leaf {
  readonly cell: number;
  /** File position of its contents. */
  readonly position: number;
  readonly signature: number;
  readonly count: number;
  /** Bytes from one element to the next. */
  readonly stride: number;
}

/** Number of subkeys that a key claims. */
export function subkeyCount(cells: Cells, key: number): number {
  return cells.store.u32(openKeyNode(cells, key) + Nk.subkeyCount);
}

/** Bytes of one element of a list with this signature. */
export function strideOf(signature: number): number {
  return signature === Signature.lf || signature === Signature.lh ? 8 : 4;
}

function openLeaf(cells: Cells, cell: number): Leaf {
  const position = cells.open(cell, LIST_HEADER, 'SubkeyList');
  const signature = cells.store.u16(position);
  if (signature !== Signature.lf && signature !== Signature.lh && signature !== Signature.li) {
    throw corrupt('SubkeyList', 'Index leaf', position, 'neither "li", "lf" nor "lh" here');
  }
  const count = cells.store.u16(position + 2);
  const stride = strideOf(signature);
  cells.open(cell, LIST_HEADER + count * stride, 'SubkeyList');
  return { cell, position, signature, count, stride };
}

/** The leaves of a key's subkeys, and the index root that lists them if there is one. */
export interface SubkeyIndex {
  readonly root: number | undefined;
  readonly leaves: readonly Leaf[];
}

const EMPTY: SubkeyIndex = { root: undefined, leaves: [] };

/**
 * The lists of a key's subkeys; `position` is that of its node.
 * @throws CorruptImageError when their counts do not add up to the key's
 */
export function subkeyIndex(cells: Cells, key: number, position = openKeyNode(cells, key)): SubkeyIndex {
  const count = cells.store.u32(position + Nk.subkeyCount);
  if (count === 0) return EMPTY;
  const list = cells.store.u32(position + Nk.subkeyList);
  if (list === NO_CELL) throw corrupt('KeyNode', 'Key node', position, `${count} subkeys without a list`, 'subkeyList');
  const start = cells.open(list, LIST_HEADER, 'SubkeyList');
  const isRoot = cells.store.u16(start) === Signature.ri;
  const index = isRoot ? openRoot(cells, list, start) : { root: undefined, leaves: [openLeaf(cells, list)] };
  const total = index.leaves.reduce((sum, leaf) => sum + leaf.count, 0);
  if (total !== count) {
    throw corrupt('KeyNode', 'Key node', position, `${count} subkeys, but ${total} in its lists`, 'subkeyCount');
  }
  return index;
}

/** An index root points at leaves, never at another root. Section "Index root". */
function openRoot(cells: Cells, list: number, start: number): SubkeyIndex {
  const count = cells.store.u16(start + 2);
  cells.open(list, LIST_HEADER + count * 4, 'IndexRoot');
  const leaves: Leaf[] = [];
  const seen = new Set<number>();
  for (let i = 0; i < count; i++) {
    const cell = cells.store.u32(start + LIST_HEADER + i * 4);
    if (seen.has(cell)) throw corrupt('IndexRoot', 'Index root', start, 'the same list twice');
    seen.add(cell);
    leaves.push(openLeaf(cells, cell));
  }
  return { root: list, leaves };
}

/** Offset of the key node that element `i` of a leaf points at. */
export function leafKey(cells: Cells, leaf: Leaf, i: number): number {
  return cells.store.u32(leaf.position + LIST_HEADER + i * leaf.stride);
}

/** Offsets of all subkeys of a key, in the order of the lists. */
export function subkeyCells(cells: Cells, key: number, position = openKeyNode(cells, key)): number[] {
  const out: number[] = [];
  if (cells.store.u32(position + Nk.subkeyCount) === 0) return out;
  for (const leaf of subkeyIndex(cells, key, position).leaves) {
    for (let i = 0; i < leaf.count; i++) out.push(leafKey(cells, leaf, i));
  }
  return out;
}

/** Where a subkey stands in its parent's lists, or where it would. */
export interface Place {
  readonly leaf: number;
  readonly element: number;
}

/** Offset of the subkey with this name, undefined when there is none. */
export function findSubkey(cells: Cells, key: number, name: string): number | undefined {
  const { leaves } = subkeyIndex(cells, key);
  const hash = nameHash(name);
  const place = searchPlace(cells, leaves, name);
  const leaf = leaves[place.leaf];
  if (leaf !== undefined && place.element < leaf.count) {
    const cell = leafKey(cells, leaf, place.element);
    if (sameName(keyName(cells, cell), name)) return cell;
  }
  return scan(cells, leaves, name, hash);
}

/** Lists that other programs wrote may be out of order, so a search that found nothing looks at every element. */
function scan(cells: Cells, leaves: readonly Leaf[], name: string, hash: number): number | undefined {
  for (const leaf of leaves) {
    const { signature, stride } = leaf;
    const elements = viewOf(cells.store.bytes(leaf.position + LIST_HEADER, leaf.count * stride));
    for (let at = 0; at < elements.byteLength; at += stride) {
      if (signature === Signature.lh && elements.getUint32(at + 4, true) !== hash) continue;
      if (signature === Signature.lf && !mayHint(elements.getUint32(at + 4, true), name)) continue;
      const cell = elements.getUint32(at, true);
      if (sameName(keyName(cells, cell), name)) return cell;
    }
  }
  return undefined;
}

/** Whether a name hint can be that of `name`; a hint that begins with zero tells nothing. Section "Fast leaf". */
function mayHint(hint: number, name: string): boolean {
  const first = hint & 0xff;
  return first === 0 || first > 0x7f || upcaseUnit(first) === upcaseUnit(name.charCodeAt(0));
}

/** The first place whose name is not less than `name`, by binary search over all leaves. */
export function searchPlace(cells: Cells, leaves: readonly Leaf[], name: string): Place {
  let [low, high] = [0, leaves.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    const leaf = leaves[middle]!;
    const isBefore = leaf.count === 0 || compareNames(keyName(cells, leafKey(cells, leaf, leaf.count - 1)), name) < 0;
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  const leaf = leaves[low];
  if (leaf === undefined) return { leaf: 0, element: 0 };
  let [first, last] = [0, leaf.count];
  while (first < last) {
    const middle = (first + last) >> 1;
    if (compareNames(keyName(cells, leafKey(cells, leaf, middle)), name) < 0) first = middle + 1;
    else last = middle;
  }
  return { leaf: low, element: first };
}
