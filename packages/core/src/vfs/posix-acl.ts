import { type FileSystem, type FsNode, supports } from '../contracts/index.js';

/** Value of the attributes `system.posix_acl_*`: a version, then entries of tag, permissions and id (Linux `uapi/linux/posix_acl_xattr.h`). */
const ACL_VERSION = 2;
const HEADER_SIZE = 4;
const ENTRY_SIZE = 8;

/** Entry tags, Linux `uapi/linux/posix_acl.h`. */
export const AclTag = { UserObj: 0x01, User: 0x02, GroupObj: 0x04, Group: 0x08, Mask: 0x10, Other: 0x20 } as const;
/** Id of entries that name nobody. */
export const ACL_UNDEFINED_ID = 0xffffffff;

/** One entry of an access control list. */
export interface AclEntry {
  readonly tag: number;
  /** Read 4, write 2, execute 1. */
  readonly perm: number;
  /** uid or gid of `User` and `Group` entries. */
  readonly id: number;
}

/** The attribute that limits access to an object. */
export const ACL_ACCESS = 'system.posix_acl_access';
/** The attribute that new objects of a directory inherit. */
export const ACL_DEFAULT = 'system.posix_acl_default';

/** Entries of an attribute value; undefined when it is not a valid list. */
export function decodeAcl(value: Uint8Array): AclEntry[] | undefined {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (value.length < HEADER_SIZE || (value.length - HEADER_SIZE) % ENTRY_SIZE !== 0) return undefined;
  if (view.getUint32(0, true) !== ACL_VERSION) return undefined;
  const entries: AclEntry[] = [];
  for (let at = HEADER_SIZE; at < value.length; at += ENTRY_SIZE) {
    entries.push({
      tag: view.getUint16(at, true),
      perm: view.getUint16(at + 2, true) & 7,
      id: view.getUint32(at + 4, true),
    });
  }
  return entries;
}

/** The attribute value of a list. */
export function encodeAcl(entries: readonly AclEntry[]): Uint8Array {
  const value = new Uint8Array(HEADER_SIZE + entries.length * ENTRY_SIZE);
  const view = new DataView(value.buffer);
  view.setUint32(0, ACL_VERSION, true);
  entries.forEach(({ tag, perm, id }, i) => {
    const at = HEADER_SIZE + i * ENTRY_SIZE;
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, perm, true);
    view.setUint32(at + 4, id, true);
  });
  return value;
}

/** Which tag stands for the group bits of the mode: the mask where there is one (acl(5), CORRESPONDENCE). */
function groupTag(entries: readonly AclEntry[]): number {
  return entries.some((e) => e.tag === AclTag.Mask) ? AclTag.Mask : AclTag.GroupObj;
}

const shiftOf = (tag: number, group: number): number | undefined =>
  tag === AclTag.UserObj ? 6 : tag === group ? 3 : tag === AclTag.Other ? 0 : undefined;

/** The list after chmod(2): the entries that stand for mode bits take them over. */
export function aclWithMode(entries: readonly AclEntry[], mode: number): AclEntry[] {
  const group = groupTag(entries);
  return entries.map((entry) => {
    const shift = shiftOf(entry.tag, group);
    return shift === undefined ? entry : { ...entry, perm: (mode >> shift) & 7 };
  });
}

/** The permission bits that a list stands for. */
export function modeOfAcl(entries: readonly AclEntry[]): number {
  const group = groupTag(entries);
  let mode = 0;
  for (const { tag, perm } of entries) {
    const shift = shiftOf(tag, group);
    if (shift !== undefined) mode |= perm << shift;
  }
  return mode;
}

/** Whether a list says no more than mode bits do. */
export function isMinimalAcl(entries: readonly AclEntry[]): boolean {
  return entries.every(({ tag }) => tag === AclTag.UserObj || tag === AclTag.GroupObj || tag === AclTag.Other);
}

/** What a new object gets from the default list of its directory. */
export interface InheritedAcl {
  /** Permission bits; the umask plays no part (acl(5), OBJECT CREATION AND DEFAULT ACLs). */
  readonly mode: number;
  /** The access list, where it says more than the mode. */
  readonly access: Uint8Array | undefined;
  /** The default list, for new directories. */
  readonly fallback: Uint8Array;
}

/** What a new object in `dir` inherits; undefined when the directory has no default list. */
export async function inheritedAcl(fs: FileSystem, dir: FsNode, mode: number): Promise<InheritedAcl | undefined> {
  if (!supports(fs, 'xattr')) return undefined;
  const value = await fs.getXattr(dir, ACL_DEFAULT);
  const entries = value === undefined ? undefined : decodeAcl(value);
  if (value === undefined || entries === undefined || entries.length === 0) return undefined;
  const group = groupTag(entries);
  const access = entries.map((entry) => {
    const shift = shiftOf(entry.tag, group);
    return shift === undefined ? entry : { ...entry, perm: entry.perm & ((mode >> shift) & 7) };
  });
  const special = mode & 0o7000;
  return {
    mode: special | modeOfAcl(access),
    access: isMinimalAcl(access) ? undefined : encodeAcl(access),
    fallback: value,
  };
}
