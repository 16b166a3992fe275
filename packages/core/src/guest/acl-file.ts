import { supports } from '../contracts/index.js';
import { FsError, UsageError } from '../errors/index.js';
import {
  ACL_ACCESS,
  ACL_DEFAULT,
  ACL_UNDEFINED_ID,
  type AclEntry,
  AclTag,
  encodeAcl,
  type Location,
} from '../vfs/index.js';
import { decodeValue, formatAcl, isValidAcl, parseAcl } from './acl-text.js';
import { OwnerNames } from './archive/owner-names.js';
import type { Session } from './session.js';
import { removeXattrAt, setXattrAt } from './xattrs.js';

function attributeOf(type: string): string {
  if (type === 'access') return ACL_ACCESS;
  if (type === 'default') return ACL_DEFAULT;
  throw new UsageError(`invalid acltype parameter: ${type}`, { argument: 'acltype' });
}

/** The list that mode bits stand for. */
function aclOfMode(mode: number): AclEntry[] {
  const entry = (tag: number, shift: number): AclEntry => ({ tag, perm: (mode >> shift) & 7, id: ACL_UNDEFINED_ID });
  return [entry(AclTag.UserObj, 6), entry(AclTag.GroupObj, 3), entry(AclTag.Other, 0)];
}

/** An access control list as text. @throws FsError ENOTSUP, EACCES (the default list of what is no directory) */
export async function getAcl(g: Session, path: string, type: string): Promise<string> {
  const operation = 'acl_get_file';
  const name = attributeOf(type);
  const location = await g.vfs.resolve(path, operation);
  const { fs } = location.mount;
  if (!supports(fs, 'xattr')) throw new FsError('ENOTSUP', { operation, path });
  if (name === ACL_DEFAULT && !(await location.isDirectory())) throw new FsError('EACCES', { operation, path });
  const value = await fs.getXattr(location.node, name);
  if (value !== undefined) return formatAcl(decodeValue(value), true);
  return name === ACL_DEFAULT ? '' : formatAcl(aclOfMode((await g.vfs.statAt(location)).mode));
}

/** Replace an access control list. @throws UsageError when the text is no list; FsError EINVAL when it is not complete */
export async function setAcl(g: Session, path: string, type: string, text: string): Promise<void> {
  const operation = 'acl_set_file';
  const name = attributeOf(type);
  const entries = parseAcl(text, await OwnerNames.read(g));
  const location = await g.vfs.resolve(path, operation);
  if (name === ACL_DEFAULT && !(await location.isDirectory())) throw new FsError('EACCES', { operation, path });
  if (entries.length === 0) return removeAcl(g, location, name, operation, path);
  if (!isValidAcl(entries)) {
    const reason = 'the list must have user::, group:: and other::, and mask:: where anyone is named';
    throw new FsError('EINVAL', { operation, path, reason });
  }
  await setXattrAt(g, location, name, encodeAcl(entries), operation, path);
}

/** Remove the default list of a directory; there need not be one. */
export async function deleteDefaultAcl(g: Session, path: string): Promise<void> {
  const operation = 'acl_delete_def_file';
  const location = await g.vfs.resolve(path, operation);
  if (!(await location.isDirectory())) throw new FsError('ENOTDIR', { operation, path });
  await removeAcl(g, location, ACL_DEFAULT, operation, path);
}

async function removeAcl(g: Session, location: Location, name: string, operation: string, path: string): Promise<void> {
  try {
    await removeXattrAt(g, location, name, operation, path);
  } catch (error) {
    if (!(error instanceof FsError) || error.code !== 'ENODATA') throw error;
  }
}
