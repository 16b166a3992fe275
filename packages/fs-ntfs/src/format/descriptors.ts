import { alignUp, concatBytes, viewOf } from '@vmcraft/core/binary';
import type { Ace } from '../security/ace.js';
import { encodeDescriptor } from '../security/descriptor.js';
import { descriptorHash } from '../security/hash.js';
import {
  ACCESS_ALLOWED_ACE,
  AclHeader,
  CONTAINER_INHERIT_ACE,
  INHERIT_ONLY_ACE,
  OBJECT_INHERIT_ACE,
  SDS_ALIGNMENT,
  SDS_BLOCK_BYTES,
  SdsHeader,
  SecurityDescriptorHeader,
} from '../security/layout-security.js';
import { encodeSid } from '../security/sid.js';
import { viewEntry } from './index-value.js';
import { SYSTEM_READ_ID, SYSTEM_WRITE_ID } from './layout-format.js';

const SYSTEM = 'S-1-5-18';
const ADMINISTRATORS = 'S-1-5-32-544';
const USERS = 'S-1-5-32-545';
const AUTHENTICATED_USERS = 'S-1-5-11';

const FILE_ALL_ACCESS = 0x1f01ff;
const FILE_MODIFY = 0x1301bf;
const FILE_READ_AND_EXECUTE = 0x1200a9;
const SYSTEM_FILE_READ = 0x120089;
const SYSTEM_FILE_WRITE = 0x12019f;
const GENERIC_ALL = 0x10000000;
const GENERIC_MODIFY = 0xe0010000;
const GENERIC_READ_AND_EXECUTE = 0xa0000000;
const FOR_CHILDREN = OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE | INHERIT_ONLY_ACE;

/** Bytes of the list of the root directory, which has room for more entries. */
const ROOT_ACL_BYTES = 4096;

const allow = (sid: string, mask: number, flags = 0): Ace => ({ type: ACCESS_ALLOWED_ACE, flags, mask, sid });

function systemFile(mask: number, owner: string): Uint8Array {
  const dacl = [allow(SYSTEM, mask), allow(ADMINISTRATORS, mask)];
  return encodeDescriptor({ control: 0, owner, group: ADMINISTRATORS, dacl });
}

/** Of $AttrDef and $Boot: readable. */
export const readableFile = (): Uint8Array => systemFile(SYSTEM_FILE_READ, SYSTEM);
/** Of $Volume and the records that are kept for later system files. */
export const writableFile = (): Uint8Array => systemFile(SYSTEM_FILE_WRITE, SYSTEM);

/** Of the root directory, as Windows has it since Vista: all rights to administrators, changes to those who logged in, reading to all users. */
export function rootDescriptor(): Uint8Array {
  const rights: readonly (readonly [string, number, number])[] = [
    [ADMINISTRATORS, FILE_ALL_ACCESS, GENERIC_ALL],
    [SYSTEM, FILE_ALL_ACCESS, GENERIC_ALL],
    [AUTHENTICATED_USERS, FILE_MODIFY, GENERIC_MODIFY],
    [USERS, FILE_READ_AND_EXECUTE, GENERIC_READ_AND_EXECUTE],
  ];
  const dacl = rights.flatMap(([sid, own, below]) => [allow(sid, own), allow(sid, below, FOR_CHILDREN)]);
  const listed = encodeDescriptor({ control: 0, dacl });
  const system = encodeSid(SYSTEM);
  const ownerOffset = SecurityDescriptorHeader.size + ROOT_ACL_BYTES;
  const groupOffset = ownerOffset + system.length;
  const data = new Uint8Array(groupOffset + system.length);
  data.set(listed);
  data.set(system, ownerOffset);
  data.set(system, groupOffset);
  SecurityDescriptorHeader.encodeInto({ ownerOffset, groupOffset }, data);
  AclHeader.encodeInto({ size: ROOT_ACL_BYTES }, data, SecurityDescriptorHeader.size);
  return data;
}

/** What a new $Secure holds. */
export interface NewSecure {
  /** The stream $SDS: the descriptors, and their copy a block further on. */
  readonly sds: Uint8Array;
  readonly sii: readonly Uint8Array[];
  readonly sdh: readonly Uint8Array[];
}

/** Padding of entries in $SDH: "II". */
const SDH_PADDING = [0x49, 0, 0x49, 0];

function u32(...values: number[]): Uint8Array {
  const data = new Uint8Array(values.length * 4);
  for (const [i, value] of values.entries()) viewOf(data).setUint32(i * 4, value, true);
  return data;
}

/** $Secure with the two descriptors of system files. */
export function newSecure(): NewSecure {
  const descriptors = [
    { securityId: SYSTEM_READ_ID, bytes: systemFile(SYSTEM_FILE_READ, ADMINISTRATORS) },
    { securityId: SYSTEM_WRITE_ID, bytes: systemFile(SYSTEM_FILE_WRITE, ADMINISTRATORS) },
  ];
  const parts: Uint8Array[] = [];
  const headers: { hash: number; securityId: number; header: Uint8Array }[] = [];
  let offset = 0;
  for (const { securityId, bytes } of descriptors) {
    const hash = descriptorHash(bytes);
    const length = SdsHeader.size + bytes.length;
    const header = SdsHeader.encode({ hash, securityId, offset: BigInt(offset), length });
    headers.push({ hash, securityId, header });
    const padding = alignUp(length, SDS_ALIGNMENT) - length;
    parts.push(header, bytes, ...(headers.length < descriptors.length ? [new Uint8Array(padding)] : []));
    offset += length + padding;
  }
  const used = concatBytes(parts);
  const sds = new Uint8Array(SDS_BLOCK_BYTES + used.length);
  sds.set(used);
  sds.set(used, SDS_BLOCK_BYTES);
  const byHash = [...headers].sort((a, b) => a.hash - b.hash || a.securityId - b.securityId);
  return {
    sds,
    sii: headers.map(({ securityId, header }) => viewEntry(u32(securityId), header)),
    sdh: byHash.map(({ hash, securityId, header }) => viewEntry(u32(hash, securityId), header, SDH_PADDING)),
  };
}
