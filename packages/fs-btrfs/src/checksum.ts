import { crc32c } from '@vmcraft/core/binary';
import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import { createBLAKE2b, createSHA256, createXXHash64, type IHasher } from 'hash-wasm';
import { CsumType } from './layout.js';

/** A checksum of metadata and data ("Checksumming", btrfs(5)). */
export interface Checksum {
  readonly name: string;
  /** Bytes that are stored. */
  readonly size: number;
  /** Whether `data` has the checksum that is stored at `at` in `stored`. */
  matches(data: Uint8Array, stored: Uint8Array, at: number): boolean;
}

/** @throws UnsupportedFeatureError */
export async function checksumOf(type: number): Promise<Checksum> {
  switch (type) {
    case CsumType.crc32c:
      return CRC32C;
    case CsumType.xxhash64:
      // Stored as a little-endian integer, where the library writes its digits.
      return hashed('xxhash64', 8, await createXXHash64(0, 0), true);
    case CsumType.sha256:
      return hashed('sha256', 32, await createSHA256(), false);
    case CsumType.blake2b:
      return hashed('blake2b', 32, await createBLAKE2b(256), false);
    default:
      throw new UnsupportedFeatureError({ structure: 'btrfs_super_block', feature: `checksum type ${type}` });
  }
}

const CRC32C: Checksum = {
  name: 'crc32c',
  size: 4,
  matches: (data, stored, at) => {
    const sum = crc32c(data);
    return (
      stored[at] === (sum & 0xff) &&
      stored[at + 1] === ((sum >>> 8) & 0xff) &&
      stored[at + 2] === ((sum >>> 16) & 0xff) &&
      stored[at + 3] === sum >>> 24
    );
  },
};

function hashed(name: string, size: number, hasher: IHasher, reversed: boolean): Checksum {
  return {
    name,
    size,
    matches: (data, stored, at) => {
      const digest = hasher.init().update(data).digest('binary');
      for (let i = 0; i < size; i++) if (digest[reversed ? size - 1 - i : i] !== stored[at + i]) return false;
      return true;
    },
  };
}
