import { viewOf } from '@vmcraft/core/binary';

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

/**
 * Marvin32, the 64-bit checksum of U.S. patent 8,555,148, as 8 bytes: each step adds four bytes to one half of the state and
 * mixes the halves; the data ends with the byte 0x80 and zeros, and a step of nothing.
 */
export function marvin32(data: Uint8Array, seed: { readonly low: number; readonly high: number }): Uint8Array {
  const view = viewOf(data);
  let [low, high] = [seed.low | 0, seed.high | 0];
  const mix = (word: number): void => {
    low = (low + word) | 0;
    high ^= low;
    low = (rotate(low, 20) + high) | 0;
    high = rotate(high, 9) ^ low;
    low = (rotate(low, 27) + high) | 0;
    high = rotate(high, 19);
  };
  const whole = data.length & ~3;
  for (let at = 0; at < whole; at += 4) mix(view.getUint32(at, true));
  let last = 0x80 << (8 * (data.length - whole));
  for (let at = whole; at < data.length; at++) last |= data[at]! << (8 * (at - whole));
  mix(last);
  mix(0);
  const out = new Uint8Array(8);
  viewOf(out).setUint32(0, low, true);
  viewOf(out).setUint32(4, high, true);
  return out;
}
