import { struct, u8, u16le, u32le, u64le } from '@vmcraft/core/binary';

/** Security descriptors ([MS-DTYP] §2.4) and how $Secure keeps them (Linux-NTFS documentation, "$Secure"). */

/** SECURITY_DESCRIPTOR in its self-relative form. [MS-DTYP] §2.4.6 */
export const SecurityDescriptorHeader = struct('SECURITY_DESCRIPTOR', 20, {
  revision: [0, u8],
  sbz1: [1, u8],
  control: [2, u16le],
  ownerOffset: [4, u32le],
  groupOffset: [8, u32le],
  saclOffset: [12, u32le],
  daclOffset: [16, u32le],
});

/** Control flags. [MS-DTYP] §2.4.6 */
export const SE_DACL_PRESENT = 0x0004;
export const SE_SACL_PRESENT = 0x0010;
export const SE_DACL_AUTO_INHERIT_REQ = 0x0100;
export const SE_SACL_AUTO_INHERIT_REQ = 0x0200;
export const SE_DACL_AUTO_INHERITED = 0x0400;
export const SE_SACL_AUTO_INHERITED = 0x0800;
export const SE_DACL_PROTECTED = 0x1000;
export const SE_SACL_PROTECTED = 0x2000;
export const SE_SELF_RELATIVE = 0x8000;

/** ACL. [MS-DTYP] §2.4.5 */
export const AclHeader = struct('ACL', 8, {
  revision: [0, u8],
  size: [2, u16le],
  count: [4, u16le],
});
export const ACL_REVISION = 2;
/** With ACEs that name object types. */
export const ACL_REVISION_DS = 4;

/** ACE_HEADER. [MS-DTYP] §2.4.4.1 */
export const AceHeader = struct('ACE_HEADER', 4, {
  type: [0, u8],
  flags: [1, u8],
  size: [2, u16le],
});

export const ACCESS_ALLOWED_ACE = 0x00;
export const ACCESS_DENIED_ACE = 0x01;
export const SYSTEM_AUDIT_ACE = 0x02;
export const SYSTEM_ALARM_ACE = 0x03;
export const ACCESS_ALLOWED_OBJECT_ACE = 0x05;
export const ACCESS_DENIED_OBJECT_ACE = 0x06;
export const SYSTEM_AUDIT_OBJECT_ACE = 0x07;
export const ACCESS_ALLOWED_CALLBACK_ACE = 0x09;
export const ACCESS_DENIED_CALLBACK_ACE = 0x0a;
export const ACCESS_ALLOWED_CALLBACK_OBJECT_ACE = 0x0b;
export const ACCESS_DENIED_CALLBACK_OBJECT_ACE = 0x0c;
export const SYSTEM_AUDIT_CALLBACK_ACE = 0x0d;
export const SYSTEM_AUDIT_CALLBACK_OBJECT_ACE = 0x0f;
export const SYSTEM_MANDATORY_LABEL_ACE = 0x11;
export const SYSTEM_RESOURCE_ATTRIBUTE_ACE = 0x12;
export const SYSTEM_SCOPED_POLICY_ID_ACE = 0x13;

/** Flags of an ACE. [MS-DTYP] §2.4.4.1 */
export const OBJECT_INHERIT_ACE = 0x01;
export const CONTAINER_INHERIT_ACE = 0x02;
export const NO_PROPAGATE_INHERIT_ACE = 0x04;
export const INHERIT_ONLY_ACE = 0x08;
export const INHERITED_ACE = 0x10;
export const SUCCESSFUL_ACCESS_ACE = 0x40;
export const FAILED_ACCESS_ACE = 0x80;

/** Flags of an object ACE: which GUIDs are there. [MS-DTYP] §2.4.4.3 */
export const ACE_OBJECT_TYPE_PRESENT = 1;
export const ACE_INHERITED_OBJECT_TYPE_PRESENT = 2;

/** Header of a descriptor in $SDS, and the data of $SII and $SDH entries. Linux-NTFS documentation, "$Secure". */
export const SdsHeader = struct('SDS entry header', 20, {
  hash: [0, u32le],
  securityId: [4, u32le],
  /** Of this header in $SDS, in bytes. */
  offset: [8, u64le],
  /** Of header and descriptor, in bytes, without padding. */
  length: [16, u32le],
});

/** Entries of $SDS begin at multiples of this. */
export const SDS_ALIGNMENT = 16;
/** $SDS consists of blocks of this many bytes, each followed by its copy. No entry crosses the end of one. */
export const SDS_BLOCK_BYTES = 0x40000;
/** First id that is given out; lower ones are reserved. */
export const FIRST_SECURITY_ID = 0x100;
/** Largest descriptor that fits into a block of $SDS with its header. */
export const MAX_DESCRIPTOR_BYTES = 0x10000;
