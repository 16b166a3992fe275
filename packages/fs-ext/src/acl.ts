import { CorruptImageError, FsError } from '@vmcraft/core/errors';
import { ACL_EXT_VERSION, ACL_TAG, ACL_XATTR_VERSION } from './layout.js';

/** One entry of a POSIX access control list. */
export interface AclEntry {
  /** One of ACL_TAG. */
  readonly tag: number;
  /** rwx bits. */
  readonly permissions: number;
  /** User or group of named entries. */
  readonly id?: number;
}

/** `e_id` of entries that name nobody, in the form of getxattr(2). */
const NO_ID = 0xffffffff;
const XATTR_ENTRY = 8;
const SHORT_ENTRY = 4;
const LONG_ENTRY = 8;

const isNamed = (tag: number): boolean => tag === ACL_TAG.USER || tag === ACL_TAG.GROUP;

/** Entries of the on-disk form, "POSIX ACLs". @throws CorruptImageError */
export function decodeDiskAcl(data: Uint8Array): AclEntry[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const fail = (reason: string): never => {
    throw new CorruptImageError({ structure: 'ext4_acl', reason });
  };
  if (data.length < 4 || view.getUint32(0, true) !== ACL_EXT_VERSION) fail('unknown version');
  const out: AclEntry[] = [];
  for (let at = 4; at < data.length; ) {
    if (at + SHORT_ENTRY > data.length) fail('an entry crosses the end');
    const tag = view.getUint16(at, true);
    const permissions = view.getUint16(at + 2, true);
    if (!isNamed(tag)) {
      out.push({ tag, permissions });
      at += SHORT_ENTRY;
      continue;
    }
    if (at + LONG_ENTRY > data.length) fail('an entry crosses the end');
    out.push({ tag, permissions, id: view.getUint32(at + 4, true) });
    at += LONG_ENTRY;
  }
  return out;
}

/** The on-disk form. */
export function encodeDiskAcl(acl: readonly AclEntry[]): Uint8Array {
  const size = acl.reduce((sum, e) => sum + (isNamed(e.tag) ? LONG_ENTRY : SHORT_ENTRY), 4);
  const data = new Uint8Array(size);
  const view = new DataView(data.buffer);
  view.setUint32(0, ACL_EXT_VERSION, true);
  let at = 4;
  for (const e of acl) {
    view.setUint16(at, e.tag, true);
    view.setUint16(at + 2, e.permissions, true);
    if (isNamed(e.tag)) view.setUint32(at + 4, e.id ?? NO_ID, true);
    at += isNamed(e.tag) ? LONG_ENTRY : SHORT_ENTRY;
  }
  return data;
}

/** The form that getxattr(2) gives: version 2, eight bytes an entry. */
export function encodeXattrAcl(acl: readonly AclEntry[]): Uint8Array {
  const data = new Uint8Array(4 + acl.length * XATTR_ENTRY);
  const view = new DataView(data.buffer);
  view.setUint32(0, ACL_XATTR_VERSION, true);
  for (const [i, e] of acl.entries()) {
    const at = 4 + i * XATTR_ENTRY;
    view.setUint16(at, e.tag, true);
    view.setUint16(at + 2, e.permissions, true);
    view.setUint32(at + 4, isNamed(e.tag) ? (e.id ?? NO_ID) : NO_ID, true);
  }
  return data;
}

/** Entries of the form that setxattr(2) takes. @throws FsError ENOTSUP (version), EINVAL (not a valid list) */
export function decodeXattrAcl(data: Uint8Array): AclEntry[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const fail = (code: 'EINVAL' | 'ENOTSUP', reason: string): never => {
    throw new FsError(code, { operation: 'setxattr', reason });
  };
  if (data.length < 4 || (data.length - 4) % XATTR_ENTRY !== 0) fail('EINVAL', 'length of the access control list');
  if (view.getUint32(0, true) !== ACL_XATTR_VERSION) fail('ENOTSUP', 'version of the access control list');
  const out: AclEntry[] = [];
  for (let at = 4; at < data.length; at += XATTR_ENTRY) {
    const tag = view.getUint16(at, true);
    const id = view.getUint32(at + 4, true);
    out.push({ tag, permissions: view.getUint16(at + 2, true), ...(isNamed(tag) ? { id } : {}) });
  }
  if (out.length > 0 && !isValidAcl(out)) fail('EINVAL', 'not a valid access control list');
  return out;
}

/** The order and completeness that acl_valid(3) asks for. */
function isValidAcl(acl: readonly AclEntry[]): boolean {
  const order: number[] = [
    ACL_TAG.USER_OBJ,
    ACL_TAG.USER,
    ACL_TAG.GROUP_OBJ,
    ACL_TAG.GROUP,
    ACL_TAG.MASK,
    ACL_TAG.OTHER,
  ];
  let last = -1;
  const seen = new Set<string>();
  for (const e of acl) {
    const rank = order.indexOf(e.tag);
    if (rank < last || e.permissions > 7) return false;
    const key = `${e.tag}:${e.id ?? ''}`;
    if (seen.has(key) || (isNamed(e.tag) && e.id === NO_ID)) return false;
    seen.add(key);
    last = rank;
  }
  const has = (tag: number): boolean => acl.some((e) => e.tag === tag);
  const named = has(ACL_TAG.USER) || has(ACL_TAG.GROUP);
  return has(ACL_TAG.USER_OBJ) && has(ACL_TAG.GROUP_OBJ) && has(ACL_TAG.OTHER) && (!named || has(ACL_TAG.MASK));
}

/** Permission bits that an access list stands for, and whether they say all of it (so that no list need be kept). */
export function modeOfAcl(acl: readonly AclEntry[]): { readonly bits: number; readonly minimal: boolean } {
  const of = (tag: number): number | undefined => acl.find((e) => e.tag === tag)?.permissions;
  const mask = of(ACL_TAG.MASK);
  const group = mask ?? of(ACL_TAG.GROUP_OBJ) ?? 0;
  const bits = ((of(ACL_TAG.USER_OBJ) ?? 0) << 6) | (group << 3) | (of(ACL_TAG.OTHER) ?? 0);
  const minimal = mask === undefined && acl.every((e) => !isNamed(e.tag));
  return { bits, minimal };
}

/** The list after chmod(2): owner, mask (or group) and others follow the mode. */
export function aclAfterChmod(acl: readonly AclEntry[], mode: number): AclEntry[] {
  const hasMask = acl.some((e) => e.tag === ACL_TAG.MASK);
  return acl.map((e) => {
    if (e.tag === ACL_TAG.USER_OBJ) return { ...e, permissions: (mode >> 6) & 7 };
    if (e.tag === ACL_TAG.OTHER) return { ...e, permissions: mode & 7 };
    if (e.tag === (hasMask ? ACL_TAG.MASK : ACL_TAG.GROUP_OBJ)) return { ...e, permissions: (mode >> 3) & 7 };
    return e;
  });
}
