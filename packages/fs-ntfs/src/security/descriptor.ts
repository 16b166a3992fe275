import { concatBytes } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { type Ace, decodeAce, encodeAce, isObjectAce } from './ace.js';
import {
  ACL_REVISION,
  ACL_REVISION_DS,
  AceHeader,
  AclHeader,
  SE_DACL_PRESENT,
  SE_SACL_PRESENT,
  SE_SELF_RELATIVE,
  SecurityDescriptorHeader,
} from './layout-security.js';
import { decodeSid, encodeSid } from './sid.js';

const REVISION = 1;
const CITATION = '[MS-DTYP] §2.4';

/** A security descriptor. A list that is `null` is present but empty of meaning: a null DACL grants everything. */
export interface SecurityDescriptor {
  /** Control flags; those for presence and the self-relative form follow from the rest when bytes are made. */
  readonly control: number;
  readonly owner?: string;
  readonly group?: string;
  readonly sacl?: readonly Ace[] | null;
  readonly dacl?: readonly Ace[] | null;
}

function broken(structure: string, reason: string): CorruptImageError {
  return new CorruptImageError({ structure, reason, citation: CITATION });
}

/**
 * Read a self-relative security descriptor.
 * @throws CorruptImageError, TruncatedImageError when a part does not fit
 */
export function decodeDescriptor(data: Uint8Array): SecurityDescriptor {
  const header = SecurityDescriptorHeader.decode(data);
  if (header.revision !== REVISION) throw broken('SECURITY_DESCRIPTOR', `revision ${header.revision}`);
  const { control, ownerOffset, groupOffset, saclOffset, daclOffset } = header;
  const has = { sacl: (control & SE_SACL_PRESENT) !== 0, dacl: (control & SE_DACL_PRESENT) !== 0 };
  return {
    control,
    ...(ownerOffset === 0 ? {} : { owner: decodeSid(data, ownerOffset) }),
    ...(groupOffset === 0 ? {} : { group: decodeSid(data, groupOffset) }),
    ...(has.sacl ? { sacl: saclOffset === 0 ? null : decodeAcl(data, saclOffset) } : {}),
    ...(has.dacl ? { dacl: daclOffset === 0 ? null : decodeAcl(data, daclOffset) } : {}),
  };
}

function decodeAcl(data: Uint8Array, offset: number): Ace[] {
  const { size, count } = AclHeader.decode(data, offset);
  const end = offset + size;
  if (size < AclHeader.size || end > data.length) throw broken('ACL', `its ${size} bytes do not fit`);
  const aces: Ace[] = [];
  let at = offset + AclHeader.size;
  for (let i = 0; i < count; i++) {
    const { size: length } = AceHeader.decode(data.subarray(0, end), at);
    if (length < AceHeader.size || at + length > end) throw broken('ACL', `entry ${i} of ${length} bytes does not fit`);
    aces.push(decodeAce(data.subarray(at, at + length)));
    at += length;
  }
  return aces;
}

/** Bytes of an access control list. */
function encodeAcl(aces: readonly Ace[]): Uint8Array {
  const entries = aces.map(encodeAce);
  const size = entries.reduce((sum, { length }) => sum + length, AclHeader.size);
  const revision = aces.some(({ type }) => isObjectAce(type)) ? ACL_REVISION_DS : ACL_REVISION;
  return concatBytes([AclHeader.encode({ revision, size, count: aces.length }), ...entries]);
}

/**
 * Bytes of a security descriptor in its self-relative form, in the order in which Windows lays them out: SACL, DACL, owner, group.
 * @throws UsageError when a SID is none
 */
export function encodeDescriptor(descriptor: SecurityDescriptor): Uint8Array {
  const { sacl, dacl, owner, group } = descriptor;
  const parts: Uint8Array[] = [];
  let end = SecurityDescriptorHeader.size;
  const place = (part: Uint8Array | undefined): number => {
    if (part === undefined) return 0;
    parts.push(part);
    end += part.length;
    return end - part.length;
  };
  const saclOffset = place(sacl ? encodeAcl(sacl) : undefined);
  const daclOffset = place(dacl ? encodeAcl(dacl) : undefined);
  const ownerOffset = place(owner === undefined ? undefined : encodeSid(owner));
  const groupOffset = place(group === undefined ? undefined : encodeSid(group));
  const presence = (sacl === undefined ? 0 : SE_SACL_PRESENT) | (dacl === undefined ? 0 : SE_DACL_PRESENT);
  const control = (descriptor.control & ~(SE_SACL_PRESENT | SE_DACL_PRESENT)) | presence | SE_SELF_RELATIVE;
  const offsets = { ownerOffset, groupOffset, saclOffset, daclOffset };
  return concatBytes([SecurityDescriptorHeader.encode({ revision: REVISION, control, ...offsets }), ...parts]);
}
