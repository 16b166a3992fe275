import { AssertionError, deepStrictEqual, ok } from 'node:assert/strict';
import { isVmcraftError, messageOf } from '@vmcraft/core';

/** The error that `action` must throw: a VmcraftError with one of `codes` (any when none is given). */
export async function rejectsWith(action: () => Promise<unknown>, codes: readonly string[] = []): Promise<void> {
  try {
    await action();
  } catch (error) {
    ok(isVmcraftError(error), `expected a VmcraftError, got ${messageOf(error)}`);
    ok(
      codes.length === 0 || codes.includes(error.code),
      `expected ${codes.join(' or ')}, got ${error.code}: ${error.message}`,
    );
    return;
  }
  throw new AssertionError({ message: `expected an error ${codes.join(' or ')}, but the call succeeded` });
}

/** Bytes must be equal; the message says where they first differ. */
export function sameBytes(found: Uint8Array, expected: Uint8Array, what: string): void {
  deepStrictEqual(found.length, expected.length, `${what}: length`);
  const at = found.findIndex((byte, i) => byte !== expected[i]);
  ok(at < 0, `${what}: byte ${at} is ${found[at]}, expected ${expected[at]}`);
}

/** Reproducible bytes that differ everywhere. */
export function pattern(length: number, seed = 1): Uint8Array {
  const out = new Uint8Array(length);
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[i] = state & 0xff;
  }
  return out;
}

/** All items of an async iterable. */
export async function gather<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const item of items) out.push(item);
  return out;
}
