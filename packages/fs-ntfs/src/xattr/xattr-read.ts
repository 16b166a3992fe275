import { FsError } from '@vmcraft/core/errors';
import { sizeOf } from '../attribute.js';
import { readAttribute } from '../attribute-reader.js';
import type { Inode } from '../inode.js';
import { AttributeType } from '../layout.js';
import { SYSTEM_ATTRIBUTES, type XattrSource } from './system-attribute.js';
import { parseXattrName, xattrNameOf } from './xattr-name.js';

/** Largest value of an extended attribute on Linux, XATTR_SIZE_MAX. */
export const MAX_XATTR_BYTES = 65536;

/** Names of the streams of a file, as ntfs-3g lists them: `user.NAME`. The attributes of the file system itself are not listed. */
export function listXattrs(inode: Inode): string[] {
  return inode.all(AttributeType.data).flatMap(({ name }) => xattrNameOf(name) ?? []);
}

/**
 * An extended attribute: a stream, or by the names of ntfs-3g what NTFS itself keeps of the file. Undefined when there is none.
 * @throws FsError ENOTSUP for a namespace without a place, ERANGE for a stream that is too large; CorruptImageError
 */
export async function readXattr(source: XattrSource, inode: Inode, name: string): Promise<Uint8Array | undefined> {
  const parsed = parseXattrName(name);
  if (parsed === undefined) throw new FsError('ENOTSUP', { operation: 'getxattr', path: name });
  if (parsed.kind === 'system') return SYSTEM_ATTRIBUTES[parsed.name]?.(source, inode);
  const stream = inode.find(AttributeType.data, parsed.stream);
  if (stream === undefined) return undefined;
  const size = sizeOf(stream);
  if (size > MAX_XATTR_BYTES)
    throw new FsError('ERANGE', { operation: 'getxattr', path: name, reason: `${size} bytes` });
  return (await readAttribute(source.volume, stream, 0, size)).slice();
}
