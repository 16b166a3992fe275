import { viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { FIXUP_STRIDE } from './layout.js';

const CITATION = 'Linux-NTFS documentation, "Fixup"';
/** Where the header of a protected record ends. */
const HEADER_SIZE = 8;

/**
 * Verify the update sequence of a record and put the bytes back that it holds, in place.
 * @param record a copy that belongs to the caller
 * @param structure its name, for errors
 * @param offset where it lies on the device, for errors
 * @throws CorruptImageError when the array does not fit, or a sector was not written with the rest
 */
export function undoFixups(record: Uint8Array, structure: string, offset: number): void {
  const view = viewOf(record);
  const at = view.getUint16(4, true);
  const count = view.getUint16(6, true);
  const sectors = record.length / FIXUP_STRIDE;
  if (count !== sectors + 1 || at < HEADER_SIZE || at % 2 !== 0 || at + count * 2 > FIXUP_STRIDE - 2) {
    throw new CorruptImageError({
      structure,
      field: 'update sequence array',
      offset,
      expected: `${sectors + 1} numbers in the first sector`,
      found: `${count} at ${at}`,
      citation: CITATION,
    });
  }
  const number = view.getUint16(at, true);
  for (let i = 1; i <= sectors; i++) {
    const end = i * FIXUP_STRIDE - 2;
    const found = view.getUint16(end, true);
    if (found !== number) {
      throw new CorruptImageError({
        structure,
        field: `update sequence number of sector ${i - 1}`,
        offset: offset + end,
        expected: number,
        found,
        citation: CITATION,
      });
    }
    view.setUint16(end, view.getUint16(at + i * 2, true), true);
  }
}

/** Protect a record: count its update sequence number on and exchange the last two bytes of each sector, in place. */
export function applyFixups(record: Uint8Array): void {
  const view = viewOf(record);
  const at = view.getUint16(4, true);
  const sectors = record.length / FIXUP_STRIDE;
  // Zero and 0xffff are left out, as they are what damaged sectors often hold.
  let number = (view.getUint16(at, true) + 1) & 0xffff;
  if (number === 0 || number === 0xffff) number = 1;
  view.setUint16(at, number, true);
  for (let i = 1; i <= sectors; i++) {
    const end = i * FIXUP_STRIDE - 2;
    view.setUint16(at + i * 2, view.getUint16(end, true), true);
    view.setUint16(end, number, true);
  }
}
