import { latin1, struct, u32le, u64le, uuid } from '@vmcraft/core';

/** VirtualBox VDI header, version 1.1 (VirtualBox, "VDI Images"; little-endian, sizes in bytes). */
export const VdiHeader = struct('vdi.header', 512, {
  text: [0, latin1(64)],
  signature: [64, u32le],
  version: [68, u32le],
  headerSize: [72, u32le],
  imageType: [76, u32le],
  imageFlags: [80, u32le],
  offsetBlocks: [340, u32le],
  offsetData: [344, u32le],
  sectorSize: [360, u32le],
  diskSize: [368, u64le],
  blockSize: [376, u32le],
  blockExtra: [380, u32le],
  blocksInImage: [384, u32le],
  blocksAllocated: [388, u32le],
  uuidImage: [392, uuid],
  uuidParent: [440, uuid],
});

export const VDI_SIGNATURE = 0xbeda107f;
/** Major version 1, minor version 1. */
export const VDI_VERSION = 0x00010001;

/** Image types. Only the first two stand by themselves. */
export const VDI_TYPES: Readonly<Record<number, string>> = { 1: 'dynamic', 2: 'fixed', 3: 'undo', 4: 'differencing' };
export const VDI_FIXED = 2;
export const VDI_DYNAMIC = 1;

/** Block map entries: not allocated, and discarded, which reads as zeros. */
export const BLOCK_FREE = 0xffffffff;
export const BLOCK_ZERO = 0xfffffffe;

export const ENTRY_BYTES = 4;
/** Bounds of the block size, bytes; 1 MiB in every image seen. */
export const MIN_BLOCK = 4096;
export const MAX_BLOCK = 256 * 1024 * 1024;
