import { crc32c } from '@vmcraft/core';

/** [MS-VHDX] 2.2.2: CRC-32C over the structure with its own checksum field taken as zero. All structures have it at byte 4. */
export function vhdxChecksum(data: Uint8Array): number {
  const zeros = new Uint8Array(4);
  return crc32c(data.subarray(8), crc32c(zeros, crc32c(data.subarray(0, 4))));
}
