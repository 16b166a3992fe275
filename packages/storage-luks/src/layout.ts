import { array, bytes, struct, u16be, u32be, u64be, utf8 } from '@vmcraft/core/binary';

/** First bytes of LUKS1, and of the first header of LUKS2. LUKS1 On-Disk Format 1.2.3, §3.1. */
export const MAGIC = Uint8Array.of(0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe);
/** First bytes of the second header of LUKS2. LUKS2 On-Disk Format 1.1.2, §2.1. */
export const MAGIC_SECONDARY = Uint8Array.of(0x53, 0x4b, 0x55, 0x4c, 0xba, 0xbe);

/** Unit of places in LUKS1. */
export const SECTOR = 512;

const keySlot = struct('luks_phdr.keyblock', 48, {
  active: [0, u32be],
  iterations: [4, u32be],
  salt: [8, bytes(32)],
  /** Sectors. */
  keyMaterialOffset: [40, u32be],
  stripes: [44, u32be],
});

/** LUKS1 On-Disk Format 1.2.3, §3.1: `phdr`. */
export const Luks1Phdr = struct('luks_phdr', 592, {
  magic: [0, bytes(6)],
  version: [6, u16be],
  cipherName: [8, utf8(32)],
  cipherMode: [40, utf8(32)],
  hashSpec: [72, utf8(32)],
  /** Sectors. */
  payloadOffset: [104, u32be],
  keyBytes: [108, u32be],
  mkDigest: [112, bytes(20)],
  mkDigestSalt: [132, bytes(32)],
  mkDigestIterations: [164, u32be],
  uuid: [168, utf8(40)],
  slots: [208, array(keySlot, 8)],
});

/** States of a LUKS1 slot. LUKS1 On-Disk Format 1.2.3, §3.1. */
export const SlotState = { active: 0x00ac71f3, dead: 0x0000dead } as const;
/** Slots of LUKS1. */
export const LUKS1_SLOTS = 8;
/** Bytes of the volume key's digest in LUKS1: that of SHA-1, whatever the hash. */
export const LUKS1_DIGEST = 20;
/** Stripes of every key slot. LUKS1 §2.4; LUKS2 §3.2.3. */
export const STRIPES = 4000;
/** Slots of LUKS1 begin at multiples of this. LUKS1 §5.1, LUKS_ALIGN_KEYSLOTS. */
export const SLOT_ALIGN = 4096;
/** Where the payload begins unless told otherwise: LUKS1 1 MiB boundary, LUKS2 16 MiB. */
export const PAYLOAD_ALIGN = 1 << 20;

/** LUKS2 On-Disk Format 1.1.2, §2.1: binary header. */
export const Luks2Binary = struct('luks2_hdr_disk', 4096, {
  magic: [0, bytes(6)],
  version: [6, u16be],
  /** Bytes, the JSON area included. */
  size: [8, u64be],
  sequence: [16, u64be],
  label: [24, utf8(48)],
  checksumAlgorithm: [72, utf8(32)],
  salt: [104, bytes(64)],
  uuid: [168, utf8(40)],
  subsystem: [208, utf8(48)],
  /** Its own place, bytes. */
  offset: [256, u64be],
  checksum: [448, bytes(64)],
});

/** Sizes that a header of LUKS2 may have, which are the places of the second one. LUKS2 §2.1. */
export const LUKS2_SIZES: readonly number[] = [
  0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000, 0x200000, 0x400000,
];
/** Slots, tokens, segments and digests that an image may have. LUKS2 §3: keyslot names are 0 to 31. */
export const LUKS2_MAX_SLOTS = 32;
/** Places in LUKS2 are multiples of this. */
export const LUKS2_ALIGN = 4096;
/** Largest area for key slots. LUKS2 §2. */
export const LUKS2_MAX_KEYSLOTS_AREA = 128 << 20;
/** Longest volume key, bytes. */
export const MAX_KEY_BYTES = 512;
