import { decodeFileName, encodeFileName } from '@vmcraft/core/binary';
import { XATTR_INDEX } from './layout.js';

/** Prefixes of names by `e_name_index`, "Extended Attributes"; whole names where nothing follows. */
const PREFIXES: readonly (readonly [index: number, prefix: string, whole: boolean])[] = [
  [XATTR_INDEX.POSIX_ACL_ACCESS, 'system.posix_acl_access', true],
  [XATTR_INDEX.POSIX_ACL_DEFAULT, 'system.posix_acl_default', true],
  [XATTR_INDEX.USER, 'user.', false],
  [XATTR_INDEX.TRUSTED, 'trusted.', false],
  [XATTR_INDEX.SECURITY, 'security.', false],
  [XATTR_INDEX.HURD, 'gnu.', false],
];

/** A name as stored: index of its prefix and the rest. */
export interface XattrKey {
  readonly index: number;
  readonly name: Uint8Array;
}

/** Split a full name. Undefined for a namespace that ext4 does not keep, or an empty rest. */
export function parseXattrName(full: string): XattrKey | undefined {
  for (const [index, prefix, whole] of PREFIXES) {
    if (whole ? full !== prefix : !full.startsWith(prefix) || full.length === prefix.length) continue;
    return { index, name: encodeFileName(full.slice(prefix.length)) };
  }
  return undefined;
}

/** The full name. Undefined for attributes of the file system's own: inline data, encryption. */
export function formatXattrName(key: XattrKey): string | undefined {
  const found = PREFIXES.find(([index]) => index === key.index);
  if (found === undefined) return undefined;
  const [, prefix, whole] = found;
  if (whole !== (key.name.length === 0)) return undefined;
  return prefix + decodeFileName(key.name);
}
