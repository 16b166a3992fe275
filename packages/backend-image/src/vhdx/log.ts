import {
  CorruptImageError,
  type HostFile,
  LimitExceededError,
  TruncatedImageError,
  toSafeInteger,
} from '@vmcraft/core';
import { vhdxChecksum } from './checksum.js';
import * as L from './layout.js';
import type { Patch } from './patched-file.js';

/** What a log says has to be done to the file. */
export interface LogReplay {
  /** In order: later ones win. */
  readonly patches: readonly Patch[];
  /** Size that the file has afterwards, at least; bytes. */
  readonly fileSize: number;
}

interface Entry {
  readonly header: ReturnType<typeof L.LogEntryHeader.decode>;
  /** Where it begins in the log, bytes. */
  readonly offset: number;
  readonly data: Uint8Array;
}

/**
 * Find the active sequence of the log and what it changes. [MS-VHDX] 2.3.2 and 2.3.3.
 * @throws CorruptImageError when a log that has to be replayed has no valid sequence
 */
export async function readLog(
  file: HostFile,
  log: { readonly offset: number; readonly length: number; readonly guid: string },
): Promise<LogReplay> {
  if (log.length > L.MAX_LOG) {
    throw new LimitExceededError({ limit: 'bytes of a VHDX log', value: log.length, max: L.MAX_LOG });
  }
  const data = await file.read(log.offset, log.length);
  if (data.length < log.length || log.length % L.LOG_SECTOR !== 0) {
    const details = { offset: log.offset, needed: log.length, available: data.length };
    throw new TruncatedImageError({ structure: 'vhdx log', ...details });
  }
  const sequence = activeSequence(data, log.guid);
  const last = sequence.at(-1);
  if (last === undefined) {
    throw new CorruptImageError({
      structure: 'vhdx log',
      offset: log.offset,
      reason: 'it has no valid sequence to replay',
    });
  }
  const flushed = toSafeInteger(last.header.flushedFileOffset, 'vhdx.logEntryHeader.FlushedFileOffset');
  if (file.size < flushed) {
    const details = { offset: 0, needed: flushed, available: file.size };
    throw new TruncatedImageError({ structure: 'vhdx file', ...details });
  }
  const fileSize = toSafeInteger(last.header.lastFileOffset, 'vhdx.logEntryHeader.LastFileOffset');
  return { patches: sequence.flatMap((entry) => entryPatches(entry)), fileSize };
}

/** The sequence with the highest number that holds its own tail. Each place of the log is decoded once. */
function activeSequence(log: Uint8Array, guid: string): Entry[] {
  const entries = new Map<number, Entry>();
  for (let offset = 0; offset < log.length; offset += L.LOG_SECTOR) {
    const entry = readEntry(log, offset, guid);
    if (entry !== undefined) entries.set(offset, entry);
  }
  let best: Entry[] = [];
  const visited = new Set<number>();
  const byNumber = [...entries.values()].sort((a, b) => Number(a.header.sequenceNumber - b.header.sequenceNumber));
  for (const start of byNumber) {
    if (visited.has(start.offset)) continue;
    const sequence: Entry[] = [];
    let entry: Entry | undefined = start;
    while (entry !== undefined && !visited.has(entry.offset)) {
      visited.add(entry.offset);
      sequence.push(entry);
      const next: Entry | undefined = entries.get((entry.offset + entry.header.entryLength) % log.length);
      entry = next?.header.sequenceNumber === entry.header.sequenceNumber + 1n ? next : undefined;
    }
    const head = sequence.at(-1) as Entry;
    const tail = sequence.findIndex((e) => e.offset === head.header.tail);
    const bestNumber = best.at(-1)?.header.sequenceNumber ?? 0n;
    if (tail >= 0 && head.header.sequenceNumber > bestNumber) best = sequence.slice(tail);
  }
  return best;
}

/** 2.3.1: an entry is valid when signature, lengths, GUID and checksum are; anything else is old or torn. */
function readEntry(log: Uint8Array, offset: number, guid: string): Entry | undefined {
  const header = L.LogEntryHeader.decode(log, offset);
  const { entryLength, descriptorCount } = header;
  if (header.signature !== L.LOG_SIGNATURE || header.logGuid !== guid || header.sequenceNumber === 0n) return undefined;
  if (entryLength === 0 || entryLength % L.LOG_SECTOR !== 0 || entryLength > log.length) return undefined;
  if (header.tail % L.LOG_SECTOR !== 0 || header.tail >= log.length) return undefined;
  if (L.LogEntryHeader.size + descriptorCount * L.DESCRIPTOR_SIZE > entryLength) return undefined;
  const data = slice(log, offset, entryLength);
  return vhdxChecksum(data) === header.checksum ? { header, offset, data } : undefined;
}

/** Bytes of the ring. */
function slice(log: Uint8Array, offset: number, length: number): Uint8Array {
  if (offset + length <= log.length) return log.subarray(offset, offset + length);
  const joined = new Uint8Array(length);
  const first = log.subarray(offset);
  joined.set(first);
  joined.set(log.subarray(0, length - first.length), first.length);
  return joined;
}

function entryPatches(entry: Entry): Patch[] {
  const { header, data } = entry;
  const descriptorBytes = L.LogEntryHeader.size + header.descriptorCount * L.DESCRIPTOR_SIZE;
  let sector = Math.ceil(descriptorBytes / L.LOG_SECTOR) * L.LOG_SECTOR;
  const patches: Patch[] = [];
  for (let i = 0; i < header.descriptorCount; i++) {
    const at = L.LogEntryHeader.size + i * L.DESCRIPTOR_SIZE;
    const { signature } = L.ZeroDescriptor.decode(data, at);
    if (signature === 'zero') {
      const zero = L.ZeroDescriptor.decode(data, at);
      checkSequence(zero.sequenceNumber, header.sequenceNumber);
      patches.push({
        offset: place(zero.fileOffset),
        length: toSafeInteger(zero.zeroLength, 'vhdx.zeroDescriptor.ZeroLength'),
      });
    } else if (signature === 'desc') {
      patches.push(dataPatch(data, at, sector, header.sequenceNumber));
      sector += L.LOG_SECTOR;
    } else {
      throw new CorruptImageError({ structure: 'vhdx.logDescriptor', expected: 'zero or desc', found: signature });
    }
  }
  return patches;
}

function dataPatch(data: Uint8Array, at: number, sector: number, sequenceNumber: bigint): Patch {
  const descriptor = L.DataDescriptor.decode(data, at);
  checkSequence(descriptor.sequenceNumber, sequenceNumber);
  const fields = L.DataSector.decode(data, sector);
  const number = (BigInt(fields.sequenceHigh) << 32n) | BigInt(fields.sequenceLow);
  if (fields.signature !== 'data') {
    throw new CorruptImageError({
      structure: 'vhdx.dataSector',
      field: 'signature',
      expected: 'data',
      found: fields.signature,
    });
  }
  checkSequence(number, sequenceNumber);
  const bytes = data.slice(sector, sector + L.LOG_SECTOR);
  bytes.set(descriptor.leadingBytes);
  bytes.set(descriptor.trailingBytes, L.TRAILING_AT);
  return { offset: place(descriptor.fileOffset), length: bytes.length, bytes };
}

function place(fileOffset: bigint): number {
  const offset = toSafeInteger(fileOffset, 'vhdx.logDescriptor.FileOffset');
  if (offset % L.LOG_SECTOR === 0) return offset;
  throw new CorruptImageError({
    structure: 'vhdx.logDescriptor',
    field: 'FileOffset',
    expected: 'a multiple of 4096',
    found: offset,
  });
}

function checkSequence(found: bigint, expected: bigint): void {
  if (found !== expected)
    throw new CorruptImageError({ structure: 'vhdx log', field: 'SequenceNumber', expected, found });
}
