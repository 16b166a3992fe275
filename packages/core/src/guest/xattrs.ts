import { encodeUtf8 } from '../binary/index.js';
import { supports } from '../contracts/index.js';
import { FsError, UsageError } from '../errors/index.js';
import type { Location } from '../vfs/index.js';
import { bytesOf } from './file-content.js';
import type { Session } from './session.js';
import type { StructValue } from './structs.js';

type Xattr = StructValue<'xattr'>;

/** Linux `uapi/linux/limits.h`, bytes. */
const XATTR_NAME_MAX = 255;
const XATTR_SIZE_MAX = 65_536;
/** Names that some file system may keep: xattr(7), "Extended attribute namespaces". */
const NAMESPACE = /^(user|trusted|security)\..|^system\.posix_acl_(access|default)$/;

function checkName(name: string, operation: string, path: string): void {
  const { length } = bytesOf(name);
  if (length === 0 || length > XATTR_NAME_MAX) {
    throw new FsError('ERANGE', { operation, path, reason: 'length of the attribute name' });
  }
}

/** getxattr(2). @throws FsError ENODATA, ENOTSUP */
export async function getXattr(g: Session, path: string, name: string, follow: boolean, operation: string) {
  checkName(name, operation, path);
  const { mount, node } = await g.vfs.resolve(path, operation, follow);
  if (!supports(mount.fs, 'xattr')) throw new FsError('ENOTSUP', { operation, path });
  const value = await mount.fs.getXattr(node, name);
  if (value === undefined) throw new FsError(NAMESPACE.test(name) ? 'ENODATA' : 'ENOTSUP', { operation, path });
  return value;
}

/** All attributes of an object; none where the file system has none. */
export async function xattrsAt({ mount: { fs }, node }: Location): Promise<Xattr[]> {
  if (!supports(fs, 'xattr')) return [];
  const found: Xattr[] = [];
  for (const name of await fs.listXattr(node)) {
    const value = await fs.getXattr(node, name);
    if (value !== undefined) found.push({ attrname: name, attrval: value });
  }
  return found;
}

/** Attributes of many names in one directory, one after the other: each begins with a nameless entry that has their count. */
export async function xattrList(g: Session, directory: string, names: readonly string[]): Promise<Xattr[]> {
  const operation = 'lxattrlist';
  const dir = await g.vfs.resolve(directory, operation);
  if (!(await dir.isDirectory())) throw new FsError('ENOTDIR', { operation, path: directory });
  const result: Xattr[] = [];
  for (const name of names) {
    const found = await xattrsOfChild(g, dir, name);
    result.push({ attrname: '', attrval: encodeUtf8(found === undefined ? '' : String(found.length)) });
    result.push(...(found ?? []));
  }
  return result;
}

async function xattrsOfChild(g: Session, dir: Location, name: string): Promise<Xattr[] | undefined> {
  try {
    const location = await g.vfs.child(dir, name);
    return location === undefined ? undefined : await xattrsAt(location);
  } catch {
    // The list says of each name whether it could be read.
    return undefined;
  }
}

/** setxattr(2) with the first `length` bytes of a value. @throws FsError ENOTSUP, ENOSPC, ERANGE, E2BIG, EROFS, EPERM */
export async function setXattr(
  g: Session,
  path: string,
  name: string,
  value: { readonly text: string; readonly length: number },
  follow: boolean,
  operation: string,
): Promise<void> {
  const bytes = bytesOf(value.text);
  if (value.length < 0 || value.length > bytes.length) {
    throw new UsageError(`vallen must be within the ${bytes.length} bytes of val`, { argument: 'vallen' });
  }
  const location = await g.vfs.resolve(path, operation, follow);
  await setXattrAt(g, location, name, bytes.subarray(0, value.length), operation, path);
}

export async function setXattrAt(
  g: Session,
  location: Location,
  name: string,
  value: Uint8Array,
  operation: string,
  path: string,
): Promise<void> {
  checkName(name, operation, path);
  if (value.length > XATTR_SIZE_MAX) throw new FsError('E2BIG', { operation, path });
  const fs = g.vfs.edit.writable(location, operation, path);
  if (!supports(fs, 'xattr')) throw new FsError('ENOTSUP', { operation, path });
  await fs.setXattr(location.node, name, value);
}

/** removexattr(2). @throws FsError ENODATA, ENOTSUP, EROFS, EPERM */
export async function removeXattrAt(
  g: Session,
  location: Location,
  name: string,
  operation: string,
  path: string,
): Promise<void> {
  checkName(name, operation, path);
  const fs = g.vfs.edit.writable(location, operation, path);
  if (!supports(fs, 'xattr')) throw new FsError('ENOTSUP', { operation, path });
  await fs.removeXattr(location.node, name);
}
