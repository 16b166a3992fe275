import { crc32cRaw, viewOf } from '@vmcraft/core/binary';
import type { JournalGeometry } from './journal-superblock.js';
import { JOURNAL_HEADER_SIZE, TAG_ESCAPE, TAG_LAST, TAG_SAME_UUID } from './layout.js';

const UUID_SIZE = 16;
/** Bytes of the checksum at the end of descriptor and revoke blocks. */
const TAIL_SIZE = 4;
const COMMIT_CHECKSUM = 0x10;
const REVOKE_COUNT = 0xc;
const REVOKE_ENTRIES = 0x10;

/** One block recorded by a descriptor block. */
export interface JournalTag {
  /** Block of the file system. */
  readonly block: number;
  /** The block began with the journal's magic number, which was zeroed. */
  readonly escaped: boolean;
  readonly checksum: number;
}

/** Bytes of a tag without its UUID: checksum v2 takes two more than its fields, by an old accident of the kernel's. */
function tagSize(g: JournalGeometry): number {
  if (g.checksums === 3) return 16;
  return (g.wide ? 12 : 8) + (g.checksums === 2 ? 2 : 0);
}

/** Tags of a descriptor block, "Descriptor Block". */
export function readTags(g: JournalGeometry, data: Uint8Array): JournalTag[] {
  const view = viewOf(data);
  const size = tagSize(g);
  const end = data.length - (g.checksums === 0 ? 0 : TAIL_SIZE);
  const tags: JournalTag[] = [];
  for (let at = JOURNAL_HEADER_SIZE; at + size <= end; ) {
    const flags = g.checksums === 3 ? view.getUint32(at + 4) : view.getUint16(at + 6);
    const hi = g.wide ? view.getUint32(at + 8) : 0;
    const checksum = g.checksums === 3 ? view.getUint32(at + 12) : view.getUint16(at + 4);
    tags.push({
      block: view.getUint32(at) + hi * 0x100000000,
      escaped: (flags & TAG_ESCAPE) !== 0,
      checksum,
    });
    at += size + ((flags & TAG_SAME_UUID) !== 0 ? 0 : UUID_SIZE);
    if ((flags & TAG_LAST) !== 0) break;
  }
  return tags;
}

/** Blocks that a revoke block takes back, "Revocation Block". */
export function readRevokes(g: JournalGeometry, data: Uint8Array): number[] {
  const view = viewOf(data);
  const size = g.wide ? 8 : 4;
  const room = data.length - (g.checksums === 0 ? 0 : TAIL_SIZE);
  const end = Math.min(view.getUint32(REVOKE_COUNT), room);
  const out: number[] = [];
  for (let at = REVOKE_ENTRIES; at + size <= end; at += size) {
    const hi = g.wide ? view.getUint32(at) : 0;
    out.push(hi * 0x100000000 + view.getUint32(at + size - 4));
  }
  return out;
}

/** Whether the checksum at the end of a descriptor or revoke block is right, or none is kept. */
export function tailIsGood(g: JournalGeometry, data: Uint8Array): boolean {
  if (g.checksums === 0) return true;
  const at = data.length - TAIL_SIZE;
  const sum = crc32cRaw(crc32cRaw(g.seed, data.subarray(0, at)), new Uint8Array(TAIL_SIZE));
  return sum === viewOf(data).getUint32(at);
}

/** Whether a commit block's own checksum (v2, v3) is right, or none is kept. */
export function commitIsGood(g: JournalGeometry, data: Uint8Array): boolean {
  if (g.checksums === 0) return true;
  const copy = data.slice();
  copy.fill(0, COMMIT_CHECKSUM, COMMIT_CHECKSUM + 4);
  return crc32cRaw(g.seed, copy) === viewOf(data).getUint32(COMMIT_CHECKSUM);
}

/** Whether a recorded block matches its tag's checksum, or none is kept. */
export function dataIsGood(g: JournalGeometry, tag: JournalTag, sequence: number, data: Uint8Array): boolean {
  if (g.checksums === 0) return true;
  const word = new Uint8Array(4);
  viewOf(word).setUint32(0, sequence);
  const sum = crc32cRaw(crc32cRaw(g.seed, word), data);
  return g.checksums === 3 ? sum === tag.checksum : (sum & 0xffff) === tag.checksum;
}

let crc32beTable: Int32Array | undefined;

function makeCrc32beTable(): Int32Array {
  const table = new Int32Array(256);
  for (let n = 0; n < 256; n++) {
    let c = n << 24;
    for (let k = 0; k < 8; k++) c = c < 0 ? (c << 1) ^ 0x04c11db7 : c << 1;
    table[n] = c;
  }
  return table;
}

/** CRC-32, most significant bit first, as checksum v1 takes it over a whole transaction. */
export function crc32be(seed: number, data: Uint8Array): number {
  crc32beTable ??= makeCrc32beTable();
  let c = seed | 0;
  for (let i = 0; i < data.length; i++) c = (c << 8) ^ crc32beTable[((c >>> 24) ^ data[i]!) & 0xff]!;
  return c >>> 0;
}
