import { decodeUtf8 } from '../../binary/index.js';
import type { ByteReader } from '../byte-reader.js';
import { BLOCK, corruptTar, numberAt } from './tar-header.js';

/** A run of data in a sparse file, bytes. */
export interface SparseRun {
  readonly offset: number;
  readonly length: number;
}

/** Runs a file may have. */
const MAX_RUNS = 1 << 20;
/** Digits of a number in a map. */
const MAX_DIGITS = 16;

/** Old GNU format: four runs in the header, 21 in each block that follows (GNU tar manual, "Old GNU Format"). */
export async function oldGnuMap(header: Uint8Array, reader: ByteReader): Promise<{ runs: SparseRun[]; size: number }> {
  const runs = runsAt(header, 386, 4);
  const size = numberAt(header, 483, 12);
  for (let isExtended = header[482] !== 0; isExtended; ) {
    const block = await reader.take(BLOCK);
    if (block === undefined) throw corruptTar('ends within a sparse map');
    runs.push(...runsAt(block, 0, 21));
    isExtended = block[504] !== 0;
    if (runs.length > MAX_RUNS) throw corruptTar('too many runs in a sparse map');
  }
  return { runs, size };
}

function runsAt(block: Uint8Array, start: number, count: number): SparseRun[] {
  const runs: SparseRun[] = [];
  for (let at = start; at < start + count * 24 && block[at] !== 0; at += 24) {
    runs.push({ offset: numberAt(block, at, 12), length: numberAt(block, at + 12, 12) });
  }
  return runs;
}

/** PAX format 1.0: decimal lines before the data, filled up to a block. @returns the runs and the bytes they took */
export async function paxDataMap(reader: ByteReader): Promise<{ runs: SparseRun[]; taken: number }> {
  let text = '';
  let taken = 0;
  const next = async (): Promise<number> => {
    let end = text.indexOf('\n');
    while (end < 0) {
      if (text.length > MAX_DIGITS) throw corruptTar('a sparse map without numbers');
      const block = await reader.take(BLOCK);
      if (block === undefined) throw corruptTar('ends within a sparse map');
      taken += BLOCK;
      text += decodeUtf8(block);
      end = text.indexOf('\n');
    }
    const number = decimal(text.slice(0, end));
    text = text.slice(end + 1);
    return number;
  };
  const count = await next();
  if (count > MAX_RUNS) throw corruptTar(`${count} runs in a sparse map`);
  const runs: SparseRun[] = [];
  for (let i = 0; i < count; i++) runs.push({ offset: await next(), length: await next() });
  return { runs, taken };
}

/** PAX format 0.1 (`offset,length,…`), and what 0.0 has in one record each. */
export function paxListMap(numbers: readonly string[]): SparseRun[] {
  if (numbers.length % 2 !== 0 || numbers.length / 2 > MAX_RUNS) throw corruptTar('an odd sparse map');
  const runs: SparseRun[] = [];
  for (let i = 0; i < numbers.length; i += 2) {
    runs.push({ offset: decimal(numbers[i]!), length: decimal(numbers[i + 1]!) });
  }
  return runs;
}

function decimal(text: string): number {
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) throw corruptTar(`'${text}' in a sparse map`);
  return value;
}

/** Runs must be in order, within the file, and have as many bytes as are stored. @throws CorruptImageError */
export function checkRuns(runs: readonly SparseRun[], size: number, stored: number): void {
  let end = 0;
  let total = 0;
  for (const { offset, length } of runs) {
    if (offset < end || offset + length > size) throw corruptTar('a sparse map that is not in order');
    end = offset + length;
    total += length;
  }
  if (total !== stored) throw corruptTar(`a sparse map of ${total} bytes where ${stored} are stored`);
}
