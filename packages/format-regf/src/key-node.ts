import type { Cells } from './cells.js';
import { corrupt } from './corruption.js';
import { KeyFlag, KeyNode, Signature } from './layout.js';
import { decodeUnits } from './names.js';

const at = (field: Parameters<typeof KeyNode.offsetOf>[0]): number => KeyNode.offsetOf(field);

/** Offsets of the fields that are read one by one or changed in place. Section "Key node". */
export const Nk = {
  flags: at('flags'),
  lastWritten: at('lastWritten'),
  parent: at('parent'),
  subkeyCount: at('subkeyCount'),
  subkeyList: at('subkeyList'),
  valueCount: at('valueCount'),
  valueList: at('valueList'),
  security: at('security'),
  className: at('className'),
  largestSubkeyName: at('largestSubkeyName'),
  largestSubkeyClass: at('largestSubkeyClass'),
  largestValueName: at('largestValueName'),
  largestValueData: at('largestValueData'),
  nameLength: at('nameLength'),
  classLength: at('classLength'),
  name: KeyNode.size,
} as const;

/**
 * File position of a key node.
 * @throws CorruptImageError when the cell holds none
 */
export function openKeyNode(cells: Cells, cell: number): number {
  const position = cells.open(cell, KeyNode.size, 'KeyNode');
  if (cells.store.u16(position) !== Signature.nk) throw corrupt('KeyNode', 'Key node', position, 'no "nk" here');
  return position;
}

/** The name of the key node in `cell`. */
export function keyName(cells: Cells, cell: number): string {
  return nodeName(cells, cell, openKeyNode(cells, cell));
}

/** The same, of a key node that is known to be at `position`. */
export function nodeName(cells: Cells, cell: number, position: number): string {
  const { store } = cells;
  const length = store.u16(position + Nk.nameLength);
  if (cells.capacity(cell, 'KeyNode') < Nk.name + length) {
    throw corrupt('KeyNode', 'Key node', position, `a name of ${length} bytes is longer than the cell`, 'nameLength');
  }
  return cells.text(position + Nk.name, length, (store.u16(position + Nk.flags) & KeyFlag.compressedName) !== 0);
}

/** The class name of a key, undefined when it has none. */
export function className(cells: Cells, cell: number): string | undefined {
  const position = openKeyNode(cells, cell);
  const length = cells.store.u16(position + Nk.classLength);
  if (length === 0) return undefined;
  return decodeUnits(cells.contents(cells.store.u32(position + Nk.className), length, 'KeyNode'));
}
