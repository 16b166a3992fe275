import { crc32cRaw } from '@vmcraft/core/binary';
import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import type { JournalReader } from './journal-scan.js';
import type { JournalGeometry } from './journal-superblock.js';
import { FC_TAG, fcHeadLayout, fcTagLayout, fcTailLayout } from './layout.js';

const TAG_SIZE = fcTagLayout.size;
/** Least length of each tag's value, bytes. */
const LENGTHS: Readonly<Record<number, number>> = {
  [FC_TAG.ADD_RANGE]: 16,
  [FC_TAG.DEL_RANGE]: 12,
  [FC_TAG.CREAT]: 9,
  [FC_TAG.LINK]: 9,
  [FC_TAG.UNLINK]: 9,
  [FC_TAG.INODE]: 4 + 128,
  [FC_TAG.PAD]: 0,
  [FC_TAG.TAIL]: 8,
  [FC_TAG.HEAD]: 8,
};

/** One change that a fast commit records. */
export interface FastCommitRecord {
  readonly tag: number;
  readonly value: Uint8Array;
}

/**
 * Changes committed after the last full transaction, "Fast commits": those up to the last good tail count.
 * @param sequence number of the transaction that would follow the log
 */
export async function scanFastCommits(
  geometry: JournalGeometry,
  read: JournalReader,
  sequence: number,
): Promise<FastCommitRecord[]> {
  const scan = new FastCommitScan(sequence);
  for (let block = geometry.fastFirst; block < geometry.fastLast; block++) {
    if (!scan.block(await read(block))) break;
  }
  return scan.committed;
}

class FastCommitScan {
  readonly committed: FastCommitRecord[] = [];
  #pending: FastCommitRecord[] = [];
  #sum = 0;

  constructor(private readonly sequence: number) {}

  /** Take one block. @returns whether the next one may go on */
  block(data: Uint8Array): boolean {
    for (let at = 0; at + TAG_SIZE < data.length; ) {
      const { tag, length } = fcTagLayout.decode(data, at);
      const least = LENGTHS[tag];
      if (least === undefined || length < least || at + TAG_SIZE + length > data.length) return false;
      const value = data.subarray(at + TAG_SIZE, at + TAG_SIZE + length);
      if (!this.#record(tag, value, data.subarray(at, at + TAG_SIZE + length))) return false;
      at += TAG_SIZE + length;
    }
    return true;
  }

  #record(tag: number, value: Uint8Array, whole: Uint8Array): boolean {
    if (tag === FC_TAG.TAIL) return this.#tail(value, whole);
    if (tag === FC_TAG.HEAD) {
      const head = fcHeadLayout.decode(value);
      if (head.transaction !== this.sequence) return false;
      if (head.features !== 0) {
        throw new UnsupportedFeatureError({
          feature: `fast commit features 0x${head.features.toString(16)}`,
          structure: 'ext4_fc_head',
        });
      }
    } else if (tag !== FC_TAG.PAD) this.#pending.push({ tag, value: value.slice() });
    this.#sum = crc32cRaw(this.#sum, whole);
    return true;
  }

  /** The checksum of a commit covers everything from its head to its tail's number. */
  #tail(value: Uint8Array, whole: Uint8Array): boolean {
    const tail = fcTailLayout.decode(value);
    const sum = crc32cRaw(this.#sum, whole.subarray(0, TAG_SIZE + 4));
    this.#sum = 0;
    if (tail.transaction !== this.sequence || tail.checksum !== sum) return false;
    this.committed.push(...this.#pending);
    this.#pending = [];
    return true;
  }
}
