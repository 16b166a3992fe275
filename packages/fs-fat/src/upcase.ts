import { CorruptImageError } from '@vmcraft/core/errors';
import { MAX_UPCASE_BYTES } from './layout-exfat.js';

const UNITS = 65536;
/** In the compressed form this unit says that the next one counts units that map to themselves. exFAT specification §7.2.5. */
const IDENTITY_RUN = 0xffff;
/** Identity runs shorter than this stay written out, as in the specification's own table. */
const MIN_RUN = 512;

/** Checksum over the bytes of a table. exFAT specification §7.2.2. */
export function upcaseChecksum(data: Uint8Array): number {
  let sum = 0;
  for (const byte of data) sum = (((sum & 1) << 31) + (sum >>> 1) + byte) >>> 0;
  return sum;
}

/**
 * Expand a table to one entry for each UTF-16 unit.
 * @throws CorruptImageError when it maps more than 65536 units or is of odd length
 */
export function expandUpcase(data: Uint8Array): Uint16Array {
  const table = Uint16Array.from({ length: UNITS }, (_, i) => i);
  if (data.length % 2 !== 0 || data.length > MAX_UPCASE_BYTES) throw broken(`its length is ${data.length} bytes`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let unit = 0;
  for (let at = 0; at < data.length; at += 2) {
    const value = view.getUint16(at, true);
    // A plain table ends with the entry of 0xFFFF itself; there nothing follows.
    if (value === IDENTITY_RUN && at + 2 < data.length) {
      at += 2;
      unit += view.getUint16(at, true);
    } else {
      if (unit >= UNITS) throw broken('it maps more than 65536 characters');
      table[unit++] = value;
    }
  }
  if (unit > UNITS) throw broken('it maps more than 65536 characters');
  return table;
}

function broken(reason: string): CorruptImageError {
  return new CorruptImageError({
    structure: 'exFAT up-case table',
    reason,
    citation: 'exFAT specification §7.2',
  });
}

/** Write a table in the compressed form. */
export function compressUpcase(table: Uint16Array): Uint8Array {
  const units: number[] = [];
  for (let i = 0; i < UNITS; ) {
    let end = i;
    while (end < UNITS && table[end] === end) end++;
    if (end - i >= MIN_RUN) {
      units.push(IDENTITY_RUN, Math.min(end - i, UNITS - 1));
      i = end;
    } else {
      units.push(table[i++]!);
    }
  }
  const data = new Uint8Array(units.length * 2);
  const view = new DataView(data.buffer);
  for (const [i, unit] of units.entries()) view.setUint16(i * 2, unit, true);
  return data;
}

/**
 * The recommended table (exFAT specification §7.2.5.1) as ranges `first-last/step+delta`, hexadecimal but for the delta: every
 * `step`-th unit of the range maps to itself plus the delta.
 */
const RECOMMENDED =
  '61-7a/1-32,e0-f6/1-32,f8-fe/1-32,ff-ff/1+121,101-12f/2-1,133-137/2-1,13a-148/2-1,14b-177/2-1,17a-17e/2-1,180-180/1+195,' +
  '183-185/2-1,188-188/1-1,18c-18c/1-1,192-192/1-1,195-195/1+97,199-199/1-1,19a-19a/1+163,19e-19e/1+130,1a1-1a5/2-1,' +
  '1a8-1a8/1-1,1ad-1ad/1-1,1b0-1b0/1-1,1b4-1b6/2-1,1b9-1b9/1-1,1bd-1bd/1-1,1bf-1bf/1+56,1c6-1c6/1-2,1c9-1c9/1-2,' +
  '1cc-1cc/1-2,1ce-1dc/2-1,1dd-1dd/1-79,1df-1ef/2-1,1f3-1f3/1-2,1f5-1f5/1-1,1f9-21f/2-1,223-233/2-1,23a-23a/1+10795,' +
  '23c-23c/1-1,23e-23e/1+10792,242-242/1-1,247-24f/2-1,253-253/1-210,254-254/1-206,256-257/1-205,259-259/1-202,' +
  '25b-25b/1-203,260-260/1-205,263-263/1-207,268-268/1-209,269-269/1-211,26b-26b/1+10743,26f-26f/1-211,272-272/1-213,' +
  '275-275/1-214,27d-27d/1+10727,280-280/1-218,283-283/1-218,288-288/1-218,289-289/1-69,28a-28b/1-217,28c-28c/1-71,' +
  '292-292/1-219,37b-37d/1+130,3ac-3ac/1-38,3ad-3af/1-37,3b1-3c1/1-32,3c2-3c2/1-31,3c3-3cb/1-32,3cc-3cc/1-64,' +
  '3cd-3ce/1-63,3d9-3ef/2-1,3f2-3f2/1+7,3f8-3f8/1-1,3fb-3fb/1-1,430-44f/1-32,450-45f/1-80,461-481/2-1,48b-4bf/2-1,' +
  '4c2-4ce/2-1,4cf-4cf/1-15,4d1-513/2-1,561-586/1-48,1d7d-1d7d/1+3814,1e01-1e95/2-1,1ea1-1ef9/2-1,1f00-1f07/1+8,' +
  '1f10-1f15/1+8,1f20-1f27/1+8,1f30-1f37/1+8,1f40-1f45/1+8,1f51-1f57/2+8,1f60-1f67/1+8,1f70-1f71/1+74,1f72-1f75/1+86,' +
  '1f76-1f77/1+100,1f78-1f79/1+128,1f7a-1f7b/1+112,1f7c-1f7d/1+126,1f80-1f87/1+8,1f90-1f97/1+8,1fa0-1fa7/1+8,' +
  '1fb0-1fb1/1+8,1fb3-1fb3/1+9,1fcc-1fcc/1-9,1fd0-1fd1/1+8,1fe0-1fe1/1+8,1fe5-1fe5/1+7,1ffc-1ffc/1-9,214e-214e/1-28,' +
  '2170-217f/1-16,2184-2184/1-1,24d0-24e9/1-26,2c30-2c5e/1-48,2c61-2c61/1-1,2c68-2c6c/2-1,2c76-2c76/1-1,2c81-2ce3/2-1,' +
  '2d00-2d25/1-7264,ff41-ff5a/1-32';

/** Checksum of the recommended table in compressed form. exFAT specification §7.2.5.1. */
export const RECOMMENDED_CHECKSUM = 0xe619d30d;

/** The recommended up-case table, one entry for each UTF-16 unit. */
export function recommendedUpcase(): Uint16Array {
  const table = Uint16Array.from({ length: UNITS }, (_, i) => i);
  for (const range of RECOMMENDED.split(',')) {
    const [, first, last, step, delta] = /^(\w+)-(\w+)\/(\d)([+-]\d+)$/.exec(range)!;
    for (let unit = Number.parseInt(first!, 16); unit <= Number.parseInt(last!, 16); unit += Number(step)) {
      table[unit] = unit + Number(delta);
    }
  }
  return table;
}
