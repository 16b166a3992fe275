import { concatBytes, decodeUtf16, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError, TruncatedImageError } from '@vmcraft/core/errors';
import {
  ACCOUNT_CONTROL_OFFSET,
  AccountControl,
  BAD_PASSWORD_COUNT_OFFSET,
  USER_F_SIZE,
  USER_TABLE_SIZE,
  UserEntry,
  UserField,
} from './layout.js';

/** An entry of a user's value `V`. */
export type UserFieldOffset = (typeof UserField)[keyof typeof UserField];

/** The bytes of an entry. @throws TruncatedImageError, CorruptImageError when it leads out of the value */
export function userField(v: Uint8Array, field: UserFieldOffset): Uint8Array {
  const { offset, length } = entryAt(v, field);
  const start = USER_TABLE_SIZE + offset;
  if (start + length > v.length) {
    throw new CorruptImageError({
      structure: 'SAM user V',
      field: `entry 0x${field.toString(16)}`,
      found: start + length,
      expected: `at most ${v.length}`,
    });
  }
  return v.subarray(start, start + length);
}

/** The name of a user. */
export function userName(v: Uint8Array): string {
  return decodeUtf16(userField(v, UserField.NAME));
}

/**
 * A copy of `V` with other bytes in an entry: in place where they fit, else at its end. Everything else stays where it is, as other
 * entries may share bytes.
 */
export function withUserField(v: Uint8Array, field: UserFieldOffset, data: Uint8Array): Uint8Array {
  const { offset, length, extra } = entryAt(v, field);
  const fits = data.length <= length && USER_TABLE_SIZE + offset + length <= v.length;
  const padding = (4 - (v.length % 4)) % 4;
  const out = fits ? v.slice() : concatBytes([v, new Uint8Array(padding), data]);
  const at = fits ? offset : v.length + padding - USER_TABLE_SIZE;
  if (fits) out.set(data, USER_TABLE_SIZE + at);
  UserEntry.encodeInto({ offset: at, length: data.length, extra }, out, field);
  return out;
}

/** A copy of a user's value `F` with the account enabled, not locked, and without failed logons. */
export function unlockedUser(f: Uint8Array): Uint8Array {
  if (f.length < USER_F_SIZE) {
    throw new TruncatedImageError({ structure: 'SAM user F', offset: 0, needed: USER_F_SIZE, available: f.length });
  }
  const out = f.slice();
  const view = viewOf(out);
  const control = view.getUint16(ACCOUNT_CONTROL_OFFSET, true);
  view.setUint16(ACCOUNT_CONTROL_OFFSET, control & ~(AccountControl.DISABLED | AccountControl.AUTO_LOCKED), true);
  view.setUint16(BAD_PASSWORD_COUNT_OFFSET, 0, true);
  return out;
}

function entryAt(v: Uint8Array, field: UserFieldOffset): { offset: number; length: number; extra: number } {
  if (v.length < USER_TABLE_SIZE) {
    throw new TruncatedImageError({ structure: 'SAM user V', offset: 0, needed: USER_TABLE_SIZE, available: v.length });
  }
  return UserEntry.decode(v, field);
}
