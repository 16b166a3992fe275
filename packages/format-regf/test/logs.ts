import { sealBaseBlock } from '../src/base-block.js';
import { BaseBlock } from '../src/layout.js';
import { HASH_SEED, LogEntry, PageReference } from '../src/layout-log.js';
import { marvin32 } from '../src/marvin32.js';

const BASE = 4096;
const SECTOR = 512;

/** A hive as a crash leaves it: marked as being written, with the contents it had before. */
export function dirtyHive(before: Uint8Array, sequence: number): Uint8Array<ArrayBuffer> {
  const bytes = before.slice() as Uint8Array<ArrayBuffer>;
  BaseBlock.encodeInto({ primarySequence: sequence + 1, secondarySequence: sequence }, bytes);
  sealBaseBlock(bytes);
  return bytes;
}

function logBlock(hive: Uint8Array, fileType: number, sequence: number, binsSize: number): Uint8Array {
  const block = hive.slice(0, SECTOR);
  BaseBlock.encodeInto({ fileType, primarySequence: sequence, secondarySequence: sequence, binsSize }, block);
  sealBaseBlock(block);
  return block;
}

/** Pages of `size` bytes of the bins in which two hives differ, by their offset. */
export function changedPages(before: Uint8Array, after: Uint8Array, size: number): number[] {
  const out: number[] = [];
  for (let at = BASE; at < after.length; at += size) {
    if (Buffer.compare(before.subarray(at, at + size), after.subarray(at, at + size)) !== 0) out.push(at - BASE);
  }
  return out;
}

/** One step that a log holds: the hive after it, and which of its pages. */
export interface Step {
  readonly sequence: number;
  readonly after: Uint8Array;
  readonly pages: readonly number[];
}

function entry({ sequence, after, pages }: Step): Uint8Array {
  const used = LogEntry.size + pages.length * (PageReference.size + BASE);
  const size = Math.ceil(used / SECTOR) * SECTOR;
  const out = new Uint8Array(size);
  const fields = {
    signature: 'HvLE',
    size,
    flags: 0,
    sequence,
    binsSize: after.length - BASE,
    pageCount: pages.length,
  };
  LogEntry.encodeInto(fields, out);
  let at = LogEntry.size + pages.length * PageReference.size;
  for (const [i, offset] of pages.entries()) {
    PageReference.encodeInto({ offset, size: BASE }, out, LogEntry.size + i * PageReference.size);
    out.set(after.subarray(BASE + offset, BASE * 2 + offset), at);
    at += BASE;
  }
  LogEntry.encodeInto({ hash1: marvin32(out.subarray(LogEntry.size), HASH_SEED) }, out);
  LogEntry.encodeInto({ hash2: marvin32(out.subarray(0, 32), HASH_SEED) }, out);
  return out;
}

/** A log of the new format. */
export function newLog(hive: Uint8Array, steps: readonly Step[]): Uint8Array<ArrayBuffer> {
  const first = steps[0]!;
  const parts = [logBlock(hive, 6, first.sequence, first.after.length - BASE), ...steps.map(entry)];
  return new Uint8Array(Buffer.concat([...parts, new Uint8Array(SECTOR)]));
}

/** A log of the old format. */
export function oldLog(hive: Uint8Array, { sequence, after, pages }: Step): Uint8Array<ArrayBuffer> {
  const binsSize = after.length - BASE;
  const vector = new Uint8Array(Math.ceil((4 + binsSize / 512 / 8) / SECTOR) * SECTOR);
  vector.set(Buffer.from('DIRT'));
  for (const offset of pages) vector[4 + offset / BASE] = 0xff;
  const data = pages.map((offset) => after.subarray(BASE + offset, BASE * 2 + offset));
  return new Uint8Array(Buffer.concat([logBlock(hive, 1, sequence, binsSize), vector, ...data]));
}
