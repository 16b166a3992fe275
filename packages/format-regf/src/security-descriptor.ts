import { guid, struct, u8, u16le, u32le, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { formatSid, sidLength } from './sid.js';

const CITATION = '[MS-DTYP] sections 2.4.4 to 2.4.6';

/** [MS-DTYP] section 2.4.6, self-relative form. */
export const DescriptorHeader = struct('SECURITY_DESCRIPTOR', 20, {
  revision: [0, u8],
  control: [2, u16le],
  owner: [4, u32le],
  group: [8, u32le],
  sacl: [12, u32le],
  dacl: [16, u32le],
});

/** [MS-DTYP] section 2.4.5. */
export const AclHeader = struct('ACL', 8, {
  revision: [0, u8],
  size: [2, u16le],
  count: [4, u16le],
});

/** [MS-DTYP] section 2.4.4.1, with the access mask that all types but a few have. */
export const AceHeader = struct('ACE', 8, {
  type: [0, u8],
  flags: [1, u8],
  size: [2, u16le],
  mask: [4, u32le],
});

/** Bits of `control`. [MS-DTYP] section 2.4.6. */
export const Control = {
  daclPresent: 0x0004,
  saclPresent: 0x0010,
  daclAutoInheritRequired: 0x0100,
  saclAutoInheritRequired: 0x0200,
  daclAutoInherited: 0x0400,
  saclAutoInherited: 0x0800,
  daclProtected: 0x1000,
  saclProtected: 0x2000,
  selfRelative: 0x8000,
} as const;

/** Types of entries with object types. [MS-DTYP] section 2.4.4.1. */
export const OBJECT_TYPES: ReadonlySet<number> = new Set([5, 6, 7, 8, 0x0b]);
/** Types that a condition follows on the identifier. [MS-DTYP] section 2.4.4.17. */
export const CALLBACK_TYPES: ReadonlySet<number> = new Set([9, 0x0a, 0x0b, 0x0d]);
/** Type that an attribute follows on the identifier. [MS-DTYP] section 2.4.4.15. */
export const RESOURCE_TYPE = 0x12;
/** Types without object types: a mask and an identifier, and for some types data. */
export const PLAIN_TYPES: ReadonlySet<number> = new Set([0, 1, 2, 3, 9, 0x0a, 0x0d, 0x11, 0x12, 0x13, 0x14]);
const HAS_OBJECT = 1;
const HAS_INHERITED_OBJECT = 2;

/** An access control entry. */
export interface Ace {
  readonly type: number;
  readonly flags: number;
  readonly mask: number;
  /** Lower-case GUIDs, for types with objects. */
  readonly object?: string;
  readonly inheritedObject?: string;
  /** `S-1-...`; undefined for types that are not decoded. */
  readonly sid: string | undefined;
  /** What follows the identifier: a condition, or a resource attribute. */
  readonly data?: Uint8Array;
}

/** A decoded security descriptor. */
export interface SecurityDescriptor {
  readonly control: number;
  readonly owner: string | undefined;
  readonly group: string | undefined;
  /** Undefined: there is none; null: there is one that allows everything. */
  readonly dacl: readonly Ace[] | null | undefined;
  readonly sacl: readonly Ace[] | null | undefined;
}

function broken(structure: string, reason: string): CorruptImageError {
  return new CorruptImageError({ structure, reason, citation: CITATION });
}

function slice(data: Uint8Array, offset: number, structure: string): Uint8Array {
  if (offset < DescriptorHeader.size || offset >= data.length)
    throw broken(structure, `at offset ${offset} of ${data.length}`);
  return data.subarray(offset);
}

const sidAt = (data: Uint8Array, offset: number): string | undefined =>
  offset === 0 ? undefined : formatSid(slice(data, offset, 'SID'));

function decodeAce(data: Uint8Array): Ace {
  const { type, flags, mask } = AceHeader.decode(data);
  if (PLAIN_TYPES.has(type)) return { type, flags, mask, ...sidAndData(type, data.subarray(AceHeader.size)) };
  if (!OBJECT_TYPES.has(type)) return { type, flags, mask, sid: undefined };
  if (data.length < 12) throw broken('ACE', 'too short for an object');
  const view = viewOf(data);
  const present = view.getUint32(8, true);
  let at = 12;
  const read = (bit: number): string | undefined => {
    if ((present & bit) === 0) return undefined;
    if (at + guid.size > data.length) throw broken('ACE', 'too short for an object');
    at += guid.size;
    return guid.read(view, at - guid.size);
  };
  const [object, inheritedObject] = [read(HAS_OBJECT), read(HAS_INHERITED_OBJECT)];
  return {
    type,
    flags,
    mask,
    ...(object === undefined ? {} : { object }),
    ...(inheritedObject === undefined ? {} : { inheritedObject }),
    ...sidAndData(type, data.subarray(at)),
  };
}

function sidAndData(type: number, rest: Uint8Array): Pick<Ace, 'sid' | 'data'> {
  const sid = formatSid(rest);
  const hasData = CALLBACK_TYPES.has(type) || type === RESOURCE_TYPE;
  return hasData ? { sid, data: rest.slice(sidLength(rest)) } : { sid };
}

function decodeAcl(data: Uint8Array): Ace[] {
  const { size, count } = AclHeader.decode(data);
  if (size < AclHeader.size || size > data.length) throw broken('ACL', `${size} bytes where ${data.length} are left`);
  const aces: Ace[] = [];
  for (let at = AclHeader.size, i = 0; i < count; i++) {
    const length = at + AceHeader.size > size ? 0 : AceHeader.decode(data, at).size;
    if (length < AceHeader.size || at + length > size)
      throw broken('ACE', `${length} bytes at offset ${at} of its list`);
    aces.push(decodeAce(data.subarray(at, at + length)));
    at += length;
  }
  return aces;
}

/**
 * Decode a self-relative security descriptor.
 * @throws CorruptImageError, TruncatedImageError when the bytes are none
 */
export function decodeSecurityDescriptor(data: Uint8Array): SecurityDescriptor {
  const header = DescriptorHeader.decode(data);
  const { control } = header;
  if (header.revision !== 1) throw broken('SECURITY_DESCRIPTOR', `revision ${header.revision}`);
  if ((control & Control.selfRelative) === 0) throw broken('SECURITY_DESCRIPTOR', 'not self-relative');
  const acl = (bit: number, offset: number): Ace[] | null | undefined => {
    if ((control & bit) === 0) return undefined;
    return offset === 0 ? null : decodeAcl(slice(data, offset, 'ACL'));
  };
  return {
    control,
    owner: sidAt(data, header.owner),
    group: sidAt(data, header.group),
    dacl: acl(Control.daclPresent, header.dacl),
    sacl: acl(Control.saclPresent, header.sacl),
  };
}

/**
 * Check that bytes are a security descriptor.
 * @throws CorruptImageError, TruncatedImageError when they are none
 */
export function checkSecurityDescriptor(data: Uint8Array): void {
  decodeSecurityDescriptor(data);
}
