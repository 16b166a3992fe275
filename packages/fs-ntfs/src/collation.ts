import { viewOf } from '@vmcraft/core/binary';
import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import { fileName } from './layout.js';
import { Collation } from './layout-index.js';
import type { UpcaseTable } from './upcase.js';

/** Order of keys in an index: negative, zero or positive. */
export type Collator = (a: Uint8Array, b: Uint8Array) => number;

/** The name within a $FILE_NAME key, as UTF-16 bytes. */
export function nameOf(key: Uint8Array): Uint8Array {
  return key.subarray(fileName.size, fileName.size + key[64]! * 2);
}

function u32(data: Uint8Array, at: number): number {
  return (data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24)) >>> 0;
}

const compareUlong: Collator = (a, b) => u32(a, 0) - u32(b, 0);

/** Security hash, then security id. */
const compareSecurityHash: Collator = (a, b) => u32(a, 0) - u32(b, 0) || u32(a, 4) - u32(b, 4);

const compareUlongs: Collator = (a, b) => {
  const n = Math.min(a.length, b.length);
  for (let at = 0; at + 4 <= n; at += 4) {
    const d = u32(a, at) - u32(b, at);
    if (d !== 0) return d;
  }
  return a.length - b.length;
};

const compareBinary: Collator = (a, b) => {
  const x = viewOf(a);
  const y = viewOf(b);
  const n = Math.min(a.length, b.length);
  for (let at = 0; at < n; at++) {
    const d = x.getUint8(at) - y.getUint8(at);
    if (d !== 0) return d;
  }
  return a.length - b.length;
};

/** The order that a collation rule names. @throws UnsupportedFeatureError */
export function collatorOf(rule: number, upcase: UpcaseTable): Collator {
  switch (rule) {
    case Collation.fileName:
      return (a, b) => upcase.compare(nameOf(a), nameOf(b));
    case Collation.ulong:
      return compareUlong;
    case Collation.securityHash:
      return compareSecurityHash;
    case Collation.ulongs:
      return compareUlongs;
    case Collation.binary:
    case Collation.sid:
      return compareBinary;
    default:
      throw new UnsupportedFeatureError({ feature: `collation rule ${rule}`, structure: '$INDEX_ROOT' });
  }
}
