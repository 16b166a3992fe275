import { HIGH_UNIT } from './layout.js';

/** The refcount at `index`; `order` is log2 of its width in bits. Section "Refcount block entry". */
export function getRefcount(view: DataView, order: number, index: number): number {
  if (order === 4) return view.getUint16(index * 2);
  if (order === 3) return view.getUint8(index);
  if (order === 5) return view.getUint32(index * 4);
  if (order === 6) return view.getUint32(index * 8) * HIGH_UNIT + view.getUint32(index * 8 + 4);
  const bits = 1 << order;
  const perByte = 8 >> order;
  const shift = (index % perByte) * bits;
  return (view.getUint8(Math.floor(index / perByte)) >> shift) & ((1 << bits) - 1);
}

/** Set the refcount at `index`. The caller keeps `value` within {@link maxRefcount}. */
export function setRefcount(view: DataView, order: number, index: number, value: number): void {
  if (order === 4) {
    view.setUint16(index * 2, value);
  } else if (order === 3) {
    view.setUint8(index, value);
  } else if (order === 5) {
    view.setUint32(index * 4, value);
  } else if (order === 6) {
    view.setUint32(index * 8, Math.floor(value / HIGH_UNIT));
    view.setUint32(index * 8 + 4, value % HIGH_UNIT);
  } else {
    const bits = 1 << order;
    const perByte = 8 >> order;
    const shift = (index % perByte) * bits;
    const at = Math.floor(index / perByte);
    const mask = ((1 << bits) - 1) << shift;
    view.setUint8(at, (view.getUint8(at) & ~mask) | (value << shift));
  }
}

/** Largest count that fits. */
export function maxRefcount(order: number): number {
  return order >= 5 ? Number.MAX_SAFE_INTEGER : 2 ** (1 << order) - 1;
}

/** First index in [from, to) whose count is zero, or `to`. */
export function firstFree(view: DataView, order: number, from: number, to: number): number {
  let index = from;
  if (order === 4) {
    while (index < to && view.getUint16(index * 2) !== 0) index++;
    return index;
  }
  while (index < to && getRefcount(view, order, index) !== 0) index++;
  return index;
}

/** First index in [from, to) whose count is not zero, or `to`. */
export function firstUsed(view: DataView, order: number, from: number, to: number): number {
  let index = from;
  while (index < to && getRefcount(view, order, index) === 0) index++;
  return index;
}
