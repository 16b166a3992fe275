import { bytes, struct, u16le, u32le } from '@vmcraft/core/binary';

/*
 * Microsoft documents what the SAM holds ([MS-SAMR] 2.2.7, 3.1.1.8), not how the registry stores it. These offsets are those that the
 * tools of two decades agree on; a hive of Windows and the tests against them are the proof.
 */

/** Offset of the key data in the value `F` of `SAM\Domains\Account`. */
export const DOMAIN_KEY_OFFSET = 0x68;

/** How the key of the domain is enciphered. */
export const KeyRevision = { RC4: 1, AES: 2 } as const;

/** Key data with RC4 (revision 1). */
export const SamKeyRc4 = struct('SAM_KEY_DATA', 0x38, {
  revision: [0, u32le],
  length: [4, u32le],
  salt: [8, bytes(16)],
  key: [24, bytes(16)],
  checksum: [40, bytes(16)],
});

/** Key data with AES (revision 2), without the data that follows at 0x20. */
export const SamKeyAes = struct('SAM_KEY_DATA_AES', 0x20, {
  revision: [0, u32le],
  length: [4, u32le],
  checksumLength: [8, u32le],
  dataLength: [12, u32le],
  salt: [16, bytes(16)],
});

/** Bytes of the table at the head of the value `V` of a user; offsets in it count from its end. */
export const USER_TABLE_SIZE = 0xcc;

/** One entry of that table. */
export const UserEntry = struct('USER_V_ENTRY', 12, { offset: [0, u32le], length: [4, u32le], extra: [8, u32le] });

/** Where entries are in that table. */
export const UserField = { NAME: 0x0c, LM_HASH: 0x9c, NT_HASH: 0xa8 } as const;

/** A stored hash with RC4: 20 bytes, or the first 4 when there is none. */
export const HASH_HEADER_RC4 = 4;
export const HASH_SIZE_RC4 = 20;

/** A stored hash with AES: header and salt, then the enciphered hash with its padding; without that when there is none. */
export const SamHashAes = struct('SAM_HASH_AES', 24, {
  pekId: [0, u16le],
  revision: [2, u16le],
  dataOffset: [4, u32le],
  salt: [8, bytes(16)],
});

/** Account control bits ([MS-SAMR] 2.2.1.12) in the value `F` of a user. */
export const ACCOUNT_CONTROL_OFFSET = 0x38;
export const AccountControl = { DISABLED: 0x0001, AUTO_LOCKED: 0x0400 } as const;
/** Failed logons since the last good one, 16 bits. */
export const BAD_PASSWORD_COUNT_OFFSET = 0x40;
/** Bytes that the fixed part of that value needs. */
export const USER_F_SIZE = 0x50;
