import { crc32c } from '@vmcraft/core/binary';
import type { PatchedBytes } from './mutate.js';

const NODE = 16_384;
const SUPERBLOCK = 4096;
const SUPERBLOCK_AT = 0x10000;
const CHECKSUM = 32;
const FSID = { offset: 32, length: 16 } as const;

/** Make checksums fit what damage left, so that what lies behind them is reached: of a Btrfs with nodes of 16 KiB and CRC-32C. */
export function repairBtrfsChecksums(data: PatchedBytes): void {
  const fsid = data.read(SUPERBLOCK_AT + FSID.offset, FSID.length);
  for (const sector of data.touched()) {
    if (sector >= SUPERBLOCK_AT && sector < SUPERBLOCK_AT + SUPERBLOCK) {
      seal(data, SUPERBLOCK_AT, SUPERBLOCK);
      continue;
    }
    const node = sector - (sector % NODE);
    const id = data.read(node + FSID.offset, FSID.length);
    if (id.every((byte, i) => byte === fsid[i])) seal(data, node, NODE);
  }
}

function seal(data: PatchedBytes, at: number, length: number): void {
  const block = data.read(at, length);
  new DataView(block.buffer, block.byteOffset).setUint32(0, crc32c(block.subarray(CHECKSUM)), true);
  data.write(at, block.subarray(0, CHECKSUM));
}
