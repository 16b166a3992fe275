import { InternalError } from '../../errors/index.js';
import { gfInverse, gfMultiply, gfPower, multiplyInPlace, multiplyXorInto, xorInto } from './gf256.js';

/** P: the sum of all data chunks. All have the same length. */
export function computeP(data: readonly Uint8Array[]): Uint8Array {
  const p = data[0]!.slice();
  for (let i = 1; i < data.length; i++) xorInto(p, data[i]!);
  return p;
}

/** Q: the sum of all data chunks, each times the generator to its power. */
export function computeQ(data: readonly Uint8Array[], exponents: readonly number[]): Uint8Array {
  const q = new Uint8Array(data[0]!.length);
  for (const [i, chunk] of data.entries()) multiplyXorInto(q, chunk, gfPower(exponents[i]!));
  return q;
}

/** Put into `p` (and `q`) the change of one data chunk; `delta` is its old content xor its new one. */
export function updateParity(delta: Uint8Array, exponent: number, p: Uint8Array, q: Uint8Array | undefined): void {
  xorInto(p, delta);
  if (q !== undefined) multiplyXorInto(q, delta, gfPower(exponent));
}

/** One stripe of which some parts are not there. */
export interface DamagedStripe {
  /** Data chunks in the order of addresses. */
  readonly data: (Uint8Array | undefined)[];
  readonly p: Uint8Array | undefined;
  readonly q: Uint8Array | undefined;
  readonly exponents: readonly number[];
}

/**
 * Fill in the data chunks that are missing (H. Peter Anvin, "The mathematics of RAID-6", sections 3 and 4). `p` and `q` stay as they are.
 * @throws InternalError when more is missing than parity can give back
 */
export function recoverData(stripe: DamagedStripe): void {
  const { data, p, q, exponents } = stripe;
  const missing: number[] = [];
  for (let i = 0; i < data.length; i++) if (data[i] === undefined) missing.push(i);
  const [a, b] = missing;
  if (a === undefined) return;
  if (b === undefined && p !== undefined) {
    data[a] = restOfP(data, p);
    return;
  }
  if (q === undefined || missing.length > 2 || (b !== undefined && p === undefined)) {
    throw new InternalError('a stripe has lost more than its parity holds', { missing: missing.length });
  }
  const rest = restOfQ(data, q, exponents);
  if (b === undefined) {
    multiplyInPlace(rest, gfInverse(gfPower(exponents[a]!)));
    data[a] = rest;
    return;
  }
  // P' = A + B and Q' = g^x A + g^y B, so A = (Q' + g^y P') / (g^x + g^y).
  const sum = restOfP(data, p!);
  const [gx, gy] = [gfPower(exponents[a]!), gfPower(exponents[b]!)];
  const factor = gfInverse(gx ^ gy);
  multiplyInPlace(rest, factor);
  multiplyXorInto(rest, sum, gfMultiply(gy, factor));
  xorInto(sum, rest);
  data[a] = rest;
  data[b] = sum;
}

function restOfP(data: readonly (Uint8Array | undefined)[], p: Uint8Array): Uint8Array {
  const rest = p.slice();
  for (const chunk of data) if (chunk !== undefined) xorInto(rest, chunk);
  return rest;
}

function restOfQ(data: readonly (Uint8Array | undefined)[], q: Uint8Array, exponents: readonly number[]): Uint8Array {
  const rest = q.slice();
  for (const [i, chunk] of data.entries()) {
    if (chunk !== undefined) multiplyXorInto(rest, chunk, gfPower(exponents[i]!));
  }
  return rest;
}
