import { viewOf } from '@vmcraft/core/binary';
import { FsError } from '@vmcraft/core/errors';
import type { Inode } from '../inode.js';
import {
  AttributeType,
  FileAttribute,
  OBJECT_ID_SIZE,
  STANDARD_INFORMATION_V1_SIZE,
  standardInformation,
} from '../layout.js';
import { MAX_REPARSE_SIZE, reparseHeader } from '../layout-reparse.js';
import { decodeDescriptor } from '../security/descriptor.js';
import type { SecureEditor } from '../security/secure-editor.js';
import type { ShortNames } from '../short-name.js';
import type { ViewIndexes } from '../view-index.js';
import type { Writer } from '../writer.js';
import { TIME_OFFSETS } from './system-attribute.js';

/** What writing these attributes needs. */
export interface XattrTarget {
  readonly writer: Writer;
  readonly secure: SecureEditor;
  readonly views: ViewIndexes;
  readonly shortNames: ShortNames;
}

type Setter = (target: XattrTarget, inode: Inode, value: Uint8Array) => Promise<void> | void;
type Remover = (target: XattrTarget, inode: Inode) => Promise<void>;

/** Attributes that may be set; the others follow from what a file is. */
const SETTABLE =
  FileAttribute.readonly |
  FileAttribute.hidden |
  FileAttribute.system |
  FileAttribute.archive |
  FileAttribute.temporary |
  FileAttribute.offline |
  FileAttribute.notContentIndexed;
const MAX_EA_BYTES = 65536;
/** Fields of the last change and of the last access come third and fourth; the change of the record is always now. */
const MAX_TIMES = 3;

function invalid(name: string): FsError {
  return new FsError('EINVAL', { operation: 'setxattr', path: `system.${name}` });
}

const attrib =
  (littleEndian: boolean): Setter =>
  ({ writer }, inode, value) => {
    if (value.length < 4) throw invalid('ntfs_attrib');
    const wanted = viewOf(value).getUint32(0, littleEndian);
    inode.fileAttributes = (inode.fileAttributes & ~SETTABLE) | (wanted & SETTABLE);
    writer.touchNames(inode);
  };

const times =
  (littleEndian: boolean, least: number): Setter =>
  ({ writer }, inode, value) => {
    const count = Math.min(least === 1 ? 1 : MAX_TIMES, Math.floor(value.length / 8));
    if (count < 1) throw invalid('ntfs_times');
    for (const [i, offset] of TIME_OFFSETS.slice(0, count).entries()) {
      inode.standard.setBigUint64(offset, viewOf(value).getBigUint64(i * 8, littleEndian), true);
    }
    writer.touchNames(inode);
  };

/** $STANDARD_INFORMATION with room for a security id. */
function longStandard(inode: Inode): DataView {
  const attribute = inode.require(AttributeType.standardInformation);
  const old = attribute.value ?? new Uint8Array(0);
  if (old.length <= STANDARD_INFORMATION_V1_SIZE) {
    const value = new Uint8Array(standardInformation.size);
    value.set(old.subarray(0, STANDARD_INFORMATION_V1_SIZE));
    attribute.value = value;
  }
  return inode.standard;
}

const acl: Setter = async ({ writer, secure }, inode, value) => {
  try {
    decodeDescriptor(value);
  } catch {
    throw invalid('ntfs_acl');
  }
  const id = await secure.idFor(value);
  longStandard(inode).setUint32(standardInformation.offsetOf('securityId'), id, true);
  const own = inode.find(AttributeType.securityDescriptor);
  if (own !== undefined) {
    await writer.attributes.freeValue(own);
    inode.remove(own);
  }
  writer.touch(inode);
};

/** Put a value in the place of an attribute without name, or take it away. */
async function replace(writer: Writer, inode: Inode, type: number, value: Uint8Array | undefined): Promise<void> {
  const old = inode.find(type);
  if (old !== undefined) {
    await writer.attributes.freeValue(old);
    inode.remove(old);
  }
  if (value !== undefined) inode.add({ type, name: '', value: value.slice() });
}

const reparse: Setter = async ({ writer, views }, inode, value) => {
  const isWhole = value.length >= reparseHeader.size && value.length <= MAX_REPARSE_SIZE;
  const { tag, dataLength } = isWhole ? reparseHeader.decode(value) : { tag: 0, dataLength: -1 };
  // The header of a tag that is not Microsoft's has a GUID behind it.
  const header = reparseHeader.size + ((tag & 0x80000000) === 0 ? 16 : 0);
  if (tag === 0 || header + dataLength !== value.length) throw invalid('ntfs_reparse_data');
  await dropReparse(views, inode);
  await replace(writer, inode, AttributeType.reparsePoint, value);
  inode.fileAttributes |= FileAttribute.reparsePoint;
  await views.addReparse(inode, tag);
  writer.touchNames(inode);
};

async function dropReparse(views: ViewIndexes, inode: Inode): Promise<void> {
  const old = inode.find(AttributeType.reparsePoint)?.value;
  if (old !== undefined && old.length >= 4) await views.removeReparse(inode, viewOf(old).getUint32(0, true));
}

const objectId: Setter = async ({ writer, views }, inode, value) => {
  if (value.length < OBJECT_ID_SIZE) throw invalid('ntfs_object_id');
  const id = value.slice(0, OBJECT_ID_SIZE);
  const birth = new Uint8Array(48);
  birth.set(value.subarray(OBJECT_ID_SIZE, OBJECT_ID_SIZE + birth.length));
  await views.removeObjectId(inode);
  await views.addObjectId(inode, id, birth);
  await replace(writer, inode, AttributeType.objectId, id);
};

/** Bytes that extended attributes take packed, as $EA_INFORMATION counts them, and how many of them must be understood. [MS-FSCC] §2.4.15 */
function packedSize(value: Uint8Array): { packed: number; needed: number } {
  const view = viewOf(value);
  let packed = 0;
  let needed = 0;
  for (let at = 0; at + 8 <= value.length; ) {
    const next = view.getUint32(at, true);
    const size = 8 + view.getUint8(at + 5) + 1 + view.getUint16(at + 6, true);
    if (at + size > value.length || next % 4 !== 0 || (next !== 0 && next < size)) throw invalid('ntfs_ea');
    // Packed, an attribute has no offset of the next one.
    packed += size - 4;
    needed += (view.getUint8(at + 4) & 0x80) === 0 ? 0 : 1;
    if (next === 0 || at + next === value.length) return { packed, needed };
    at += next;
  }
  throw invalid('ntfs_ea');
}

const ea: Setter = async ({ writer }, inode, value) => {
  if (value.length > MAX_EA_BYTES) throw invalid('ntfs_ea');
  const { packed, needed } = packedSize(value);
  const information = new Uint8Array(8);
  const view = viewOf(information);
  view.setUint16(0, packed, true);
  view.setUint16(2, needed, true);
  view.setUint32(4, value.length, true);
  await replace(writer, inode, AttributeType.eaInformation, information);
  await replace(writer, inode, AttributeType.ea, value);
  writer.touchNames(inode);
};

const SETTERS: Readonly<Record<string, Setter>> = {
  ntfs_acl: acl,
  ntfs_attrib: attrib(true),
  ntfs_attrib_be: attrib(false),
  ntfs_times: times(true, MAX_TIMES),
  ntfs_times_be: times(false, MAX_TIMES),
  ntfs_crtime: times(true, 1),
  ntfs_crtime_be: times(false, 1),
  ntfs_reparse_data: reparse,
  ntfs_object_id: objectId,
  ntfs_ea: ea,
  ntfs_dos_name: ({ shortNames }, inode, value) => shortNames.set(inode, value),
};

const REMOVERS: Readonly<Record<string, { readonly type: number; readonly remove: Remover }>> = {
  ntfs_dos_name: { type: AttributeType.fileName, remove: ({ shortNames }, inode) => shortNames.remove(inode) },
  ntfs_reparse_data: {
    type: AttributeType.reparsePoint,
    remove: async ({ writer, views }, inode) => {
      await dropReparse(views, inode);
      await replace(writer, inode, AttributeType.reparsePoint, undefined);
      inode.fileAttributes &= ~FileAttribute.reparsePoint;
      writer.touchNames(inode);
    },
  },
  ntfs_object_id: {
    type: AttributeType.objectId,
    remove: async ({ writer, views }, inode) => {
      await views.removeObjectId(inode);
      await replace(writer, inode, AttributeType.objectId, undefined);
    },
  },
  ntfs_ea: {
    type: AttributeType.ea,
    remove: async ({ writer }, inode) => {
      await replace(writer, inode, AttributeType.eaInformation, undefined);
      await replace(writer, inode, AttributeType.ea, undefined);
    },
  },
};

/** Set an attribute that NTFS itself keeps. @throws FsError EINVAL, EEXIST, ENOSPC, ENOTSUP */
export async function setSystemXattr(
  target: XattrTarget,
  inode: Inode,
  name: string,
  value: Uint8Array,
): Promise<void> {
  const setter = SETTERS[name];
  if (setter === undefined) throw new FsError('ENOTSUP', { operation: 'setxattr', path: `system.${name}` });
  await setter(target, inode, value);
  await target.writer.commit(inode);
}

/** Take an attribute away that a file need not have. @throws FsError EPERM, ENODATA */
export async function removeSystemXattr(target: XattrTarget, inode: Inode, name: string): Promise<void> {
  const details = { operation: 'removexattr', path: `system.${name}` };
  const remover = REMOVERS[name];
  if (remover === undefined) throw new FsError('EPERM', details);
  if (inode.find(remover.type) === undefined) throw new FsError('ENODATA', details);
  await remover.remove(target, inode);
  await target.writer.commit(inode);
}
