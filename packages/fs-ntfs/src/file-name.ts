import { encodeUtf16, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError, FsError } from '@vmcraft/core/errors';
import { nameOf } from './collation.js';
import { fileName, MAX_NAME_LENGTH, Namespace } from './layout.js';
import { decodeName } from './mft-record.js';

const SLASH = 0x2f;

/** A $FILE_NAME value is whole. @throws CorruptImageError */
export function requireFileName(key: Uint8Array, structure: string): Uint8Array {
  if (key.length >= fileName.size && key.length >= fileName.size + key[64]! * 2) return key;
  throw new CorruptImageError({ structure, field: '$FILE_NAME', found: key.length, reason: 'it breaks off' });
}

/** The name as callers see it: no `/` or NUL of an image can lead outside of its directory. */
export function displayName(key: Uint8Array): string {
  const raw = nameOf(key);
  const text = decodeName(raw);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === SLASH || unit === 0) return text.replaceAll(/[/\0]/g, '\ufffd');
  }
  return text === '.' || text === '..' ? text.replaceAll('.', '\ufffd') : text;
}

/** A key to look a name up by. @throws FsError ENAMETOOLONG */
export function searchKey(name: string, operation: string): Uint8Array {
  if (name.length > MAX_NAME_LENGTH) throw new FsError('ENAMETOOLONG', { operation, path: name });
  const key = new Uint8Array(fileName.size + name.length * 2);
  key[64] = name.length;
  key.set(encodeUtf16(name), fileName.size);
  return key;
}

export const namespaceOf = (key: Uint8Array): number => key[65]!;

/** Reference of the directory that a $FILE_NAME is in. */
export const parentOf = (key: Uint8Array): bigint => viewOf(key).getBigUint64(0, true);

/** Whether a name is only the short form of another one. */
export const isShortName = (key: Uint8Array): boolean => namespaceOf(key) === Namespace.dos;
