import { crc32 } from '@vmcraft/core/binary';

/** Seed of all LVM2 checksums (`INITIAL_CRC`). */
const INITIAL_CRC = 0xf597a6cf;

/** LVM2's checksum: the register of CRC-32 with a seed of its own and no inversion. `seed` continues an earlier one. */
export function lvmChecksum(data: Uint8Array, seed = INITIAL_CRC): number {
  return ~crc32(data, ~seed >>> 0) >>> 0;
}
