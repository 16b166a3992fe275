import { concatBytes, encodeUtf8, viewOf } from '@vmcraft/core/binary';
import type { Attribute } from '../attribute.js';
import { readWhole } from '../attribute-reader.js';
import { nameOf } from '../collation.js';
import { findName } from '../directory.js';
import type { Inode } from '../inode.js';
import { AttributeType, FileAttribute, fileName, Namespace, OBJECT_ID_SIZE, SystemFile } from '../layout.js';
import { IndexName } from '../layout-index.js';
import { MAX_REPARSE_SIZE } from '../layout-reparse.js';
import { decodeName } from '../mft-record.js';
import { missingDescriptor, readDescriptor } from '../security/descriptor-reader.js';
import type { SecureStore } from '../security/secure-store.js';
import type { Volume } from '../volume.js';

const NAMESPACE_OFFSET = fileName.offsetOf('namespace');

/** What reading these attributes needs. */
export interface XattrSource {
  readonly volume: Volume;
  readonly secure: SecureStore;
}

type Getter = (source: XattrSource, inode: Inode) => Promise<Uint8Array | undefined> | Uint8Array | undefined;

/** Largest $EA, and $EFS. [MS-FSCC] §2.4.15, $AttrDef */
const MAX_EA_BYTES = 65536;
const EFS_STREAM = '$EFS';
/** Bytes of an entry of $O in front of the birth ids: a file reference. */
const REFERENCE_BYTES = 8;
const TIME_BYTES = 8;
/** Where the times lie in $STANDARD_INFORMATION, in the order in which they are shown: creation, change of data, access, change of the record. */
export const TIME_OFFSETS = [0, 8, 24, 16] as const;

/** File attributes as shown: with the bit of directories, and "normal" when there is no other. */
export function shownAttributes(inode: Inode): number {
  const kind = inode.isDirectory ? FileAttribute.directory : 0;
  return (inode.fileAttributes & ~FileAttribute.directory) | kind || FileAttribute.normal;
}

function attributes(inode: Inode, littleEndian: boolean): Uint8Array {
  const value = new Uint8Array(4);
  viewOf(value).setUint32(0, shownAttributes(inode) >>> 0, littleEndian);
  return value;
}

function times(inode: Inode, count: number, littleEndian: boolean): Uint8Array {
  const value = new Uint8Array(count * TIME_BYTES);
  for (const [i, offset] of TIME_OFFSETS.slice(0, count).entries()) {
    viewOf(value).setBigUint64(i * TIME_BYTES, inode.standard.getBigUint64(offset, true), littleEndian);
  }
  return value;
}

async function whole(
  source: XattrSource,
  attribute: Attribute | undefined,
  limit: number,
): Promise<Uint8Array | undefined> {
  return attribute === undefined ? undefined : (await readWhole(source.volume, attribute, limit)).slice();
}

/** The short name, in whatever directory it is. */
export function shortNameOf(inode: Inode): Uint8Array | undefined {
  if (inode.number === SystemFile.root) return undefined;
  for (const { value } of inode.all(AttributeType.fileName)) {
    const namespace = value?.[NAMESPACE_OFFSET];
    if (namespace === Namespace.dos || namespace === Namespace.win32AndDos) return value;
  }
  return undefined;
}

/** The index of object ids in $Extend\\$ObjId, and its file; undefined where the volume has none. */
export async function objectIdFile(volume: Volume): Promise<Inode | undefined> {
  const extend = await volume.mft.load(SystemFile.extend);
  const found = await findName(volume.index(extend, IndexName.directory), '$ObjId', 'lookup');
  return found === undefined ? undefined : volume.mft.load(found.entry.record);
}

async function objectId(source: XattrSource, inode: Inode): Promise<Uint8Array | undefined> {
  const value = await whole(source, inode.find(AttributeType.objectId), MAX_EA_BYTES);
  if (value === undefined || value.length < OBJECT_ID_SIZE) return undefined;
  const id = value.slice(0, OBJECT_ID_SIZE);
  const file = await objectIdFile(source.volume);
  const entry = file === undefined ? undefined : await source.volume.index(file, IndexName.objectId).find(id);
  return entry === undefined ? id : concatBytes([id, entry.data.subarray(REFERENCE_BYTES)]);
}

/** Attributes of the namespace `system.` by the names of ntfs-3g. */
export const SYSTEM_ATTRIBUTES: Readonly<Record<string, Getter>> = {
  ntfs_acl: async ({ volume, secure }, inode) => (await readDescriptor(volume, secure, inode)) ?? missingDescriptor(),
  ntfs_attrib: (_, inode) => attributes(inode, true),
  ntfs_attrib_be: (_, inode) => attributes(inode, false),
  ntfs_times: (_, inode) => times(inode, 4, true),
  ntfs_times_be: (_, inode) => times(inode, 4, false),
  ntfs_crtime: (_, inode) => times(inode, 1, true),
  ntfs_crtime_be: (_, inode) => times(inode, 1, false),
  ntfs_reparse_data: (source, inode) =>
    inode.isReparsePoint ? whole(source, inode.find(AttributeType.reparsePoint), MAX_REPARSE_SIZE) : undefined,
  ntfs_object_id: objectId,
  ntfs_dos_name: ({ volume }, inode) => {
    const value = shortNameOf(inode);
    if (value === undefined) return undefined;
    const name = decodeName(nameOf(value));
    // A long name that is a short one too may have small letters, which no short name has.
    return encodeUtf8(value[NAMESPACE_OFFSET] === Namespace.win32AndDos ? volume.upcase.fold(name) : name);
  },
  ntfs_ea: (source, inode) => whole(source, inode.find(AttributeType.ea), MAX_EA_BYTES),
  ntfs_efsinfo: (source, inode) =>
    whole(source, inode.find(AttributeType.loggedUtilityStream, EFS_STREAM), MAX_EA_BYTES),
};
