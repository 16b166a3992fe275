import { encodeUtf16 } from '@vmcraft/core/binary';
import { AttributeType, attributeDefinition } from '../layout.js';

const INDEXABLE = 0x02;
const RESIDENT = 0x40;
const MAY_BE_OUTSIDE = 0x80;
/** Written as all ones. */
const NO_LIMIT = 0xffff_ffff_ffff_ffffn;

type Definition = readonly [name: string, type: number, flags: number, min: number, max: number | bigint];

/** Attributes of NTFS 3.1 and the sizes of their values. Linux-NTFS documentation, "$AttrDef". */
const DEFINITIONS: readonly Definition[] = [
  ['$STANDARD_INFORMATION', AttributeType.standardInformation, RESIDENT, 48, 72],
  ['$ATTRIBUTE_LIST', AttributeType.attributeList, MAY_BE_OUTSIDE, 0, NO_LIMIT],
  ['$FILE_NAME', AttributeType.fileName, RESIDENT | INDEXABLE, 68, 578],
  ['$OBJECT_ID', AttributeType.objectId, RESIDENT, 0, 256],
  ['$SECURITY_DESCRIPTOR', AttributeType.securityDescriptor, MAY_BE_OUTSIDE, 0, NO_LIMIT],
  ['$VOLUME_NAME', AttributeType.volumeName, RESIDENT, 2, 256],
  ['$VOLUME_INFORMATION', AttributeType.volumeInformation, RESIDENT, 12, 12],
  ['$DATA', AttributeType.data, 0, 0, NO_LIMIT],
  ['$INDEX_ROOT', AttributeType.indexRoot, RESIDENT, 0, NO_LIMIT],
  ['$INDEX_ALLOCATION', AttributeType.indexAllocation, MAY_BE_OUTSIDE, 0, NO_LIMIT],
  ['$BITMAP', AttributeType.bitmap, MAY_BE_OUTSIDE, 0, NO_LIMIT],
  ['$REPARSE_POINT', AttributeType.reparsePoint, MAY_BE_OUTSIDE, 0, 16384],
  ['$EA_INFORMATION', AttributeType.eaInformation, RESIDENT, 8, 8],
  ['$EA', AttributeType.ea, 0, 0, 65536],
  ['$LOGGED_UTILITY_STREAM', AttributeType.loggedUtilityStream, MAY_BE_OUTSIDE, 0, 65536],
];

/** Contents of $AttrDef: the definitions and an empty one. */
export function attributeDefinitions(): Uint8Array {
  const data = new Uint8Array((DEFINITIONS.length + 1) * attributeDefinition.size);
  for (const [i, [name, type, flags, minSize, maxSize]] of DEFINITIONS.entries()) {
    const at = i * attributeDefinition.size;
    data.set(encodeUtf16(name), at);
    attributeDefinition.encodeInto({ type, flags, minSize: BigInt(minSize), maxSize: BigInt(maxSize) }, data, at);
  }
  return data;
}
