import { alignUp, concatBytes, crc32c, viewOf } from '../../binary/index.js';
import type { HostFile, HostFileIdentity } from '../../contracts/index.js';
import { LimitExceededError } from '../../errors/index.js';
import {
  FileRecord,
  HEADER_SIZE,
  JOURNAL_KIND,
  JOURNAL_MAGIC,
  JournalHeader,
  MAX_DATA,
  MAX_FILES,
  PointerRecord,
  RECORD,
  RECORD_MAGIC,
  RecordHeader,
  SECTOR,
  witnessCount,
} from './journal-layout.js';
import type { ChangedRun } from './overlay.js';
import { LARGE, type LoadedRun, readAhead } from './read-ahead.js';

/** Most records of one journal; bounds the memory of whoever reads it. */
export const MAX_RECORDS = 2_000_000;
/** Records gathered before one write, bytes. */
const BATCH = 256 * 1024;
/** Up to this many changed bytes every sector is witnessed. */
const FULL_WITNESS = 32 * 1024 * 1024;
/** Every how many sectors one is witnessed in larger transactions. */
const SPARSE_STRIDE = 512;

/** One image (or device) that a transaction changes. */
export interface Participant {
  /** Absolute path of the image. */
  readonly path: string;
  /** The path as seen from the journal's folder, for when the folder moves; may be empty. */
  readonly relativePath: string;
  /** The image as it is before anything is applied. */
  readonly identity: HostFileIdentity;
  /** Cut the image to this size first, bytes. */
  readonly cutTo: number;
  /** Then set this size, bytes. */
  readonly finalSize: number;
  changes(piece: number): Iterable<ChangedRun>;
  /** New contents; exactly `length` bytes, in `into` if it pleases. */
  read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array>;
  /** Contents before; shorter at the end of the image. */
  readOld(offset: number, length: number): Promise<Uint8Array>;
}

/** CRC-32C of one sector of `data`, which may end early; what is missing counts as zeros, up to `length`. */
export function sectorChecksum(data: Uint8Array, at: number, length: number): number {
  if (at + length <= data.length) return crc32c(data.subarray(at, at + length));
  const padded = new Uint8Array(length);
  if (at < data.length) padded.set(data.subarray(at));
  return crc32c(padded);
}

/** Bytes that a transaction's changes take in a journal and in the images: what the host's disk must have room for. */
export function changedBytes(participants: readonly Participant[]): number {
  let total = 0;
  for (const p of participants) for (const run of p.changes(MAX_DATA)) if (run.kind === 'data') total += run.length;
  return total;
}

/** Appends records to a journal file. */
class RecordSink {
  readonly #file: HostFile;
  readonly #seed: number;
  #batch: Uint8Array[] = [];
  #batched = 0;
  #at = HEADER_SIZE;
  count = 0;

  constructor(file: HostFile, transaction: Uint8Array) {
    this.#file = file;
    this.#seed = crc32c(transaction);
  }

  get length(): number {
    return this.#at + this.#batched;
  }

  async add(fields: Parameters<typeof RecordHeader.encode>[0], ...payload: Uint8Array[]): Promise<void> {
    if (++this.count > MAX_RECORDS) {
      throw new LimitExceededError({ limit: 'records of a transaction', value: this.count, max: MAX_RECORDS });
    }
    let checksum = 0;
    let payloadLength = 0;
    for (const part of payload) {
      checksum = crc32c(part, checksum);
      payloadLength += part.length;
    }
    const header = RecordHeader.encode({ magic: RECORD_MAGIC, ...fields, payloadLength, payloadChecksum: checksum });
    const body = header.subarray(0, RecordHeader.offsetOf('checksum'));
    RecordHeader.encodeInto({ checksum: crc32c(body, this.#seed) }, header);
    this.#batch.push(header);
    this.#batched += header.length;
    for (const part of payload) await this.#append(part);
  }

  async #append(part: Uint8Array): Promise<void> {
    if (part.length >= LARGE) {
      // Not worth copying into the batch; and its buffer serves the next run.
      await this.write();
      await this.#file.write(this.#at, part);
      this.#at += part.length;
      return;
    }
    this.#batch.push(part);
    this.#batched += part.length;
    if (this.#batched >= BATCH) await this.write();
  }

  async write(): Promise<void> {
    if (this.#batched === 0) return;
    await this.#file.write(this.#at, concatBytes(this.#batch));
    this.#at += this.#batched;
    this.#batch = [];
    this.#batched = 0;
  }
}

async function finish(
  file: HostFile,
  sink: RecordSink,
  fields: { kind: number; fileCount: number; transaction: Uint8Array; witnessStride: number },
): Promise<void> {
  await sink.add({ type: RECORD.end, offset: BigInt(sink.count) });
  await sink.write();
  const totals = { totalLength: BigInt(sink.length), recordCount: BigInt(sink.count) };
  const header = JournalHeader.encode({ magic: JOURNAL_MAGIC, ...fields, ...totals });
  const checksum = crc32c(header.subarray(0, JournalHeader.offsetOf('checksum')));
  JournalHeader.encodeInto({ checksum }, header);
  await file.write(0, header);
  await file.flush();
}

/** Write the whole journal into an empty file and make it durable. It is not committed before it has its name. */
export async function writeJournal(
  file: HostFile,
  transaction: Uint8Array,
  participants: readonly Participant[],
  kind: number = JOURNAL_KIND.journal,
): Promise<void> {
  if (participants.length > MAX_FILES) {
    throw new LimitExceededError({ limit: 'files of a transaction', value: participants.length, max: MAX_FILES });
  }
  const sink = new RecordSink(file, transaction);
  const witnessStride = changedBytes(participants) <= FULL_WITNESS ? 1 : SPARSE_STRIDE;
  for (const [index, participant] of participants.entries()) await addFile(sink, index, participant);
  for (const [index, participant] of participants.entries()) {
    for await (const loaded of readAhead(participant, participant.changes(MAX_DATA))) {
      await addRun(sink, index, participant, loaded, witnessStride);
    }
  }
  await finish(file, sink, { kind, fileCount: participants.length, transaction, witnessStride });
}

async function addFile(sink: RecordSink, index: number, p: Participant): Promise<void> {
  const encoder = new TextEncoder();
  const path = encoder.encode(p.path);
  const relative = encoder.encode(p.relativePath);
  const facts = FileRecord.encode({
    dev: BigInt.asUintN(64, p.identity.dev),
    ino: BigInt.asUintN(64, p.identity.ino),
    size: BigInt(p.identity.size),
    mtimeNs: BigInt.asUintN(64, p.identity.mtimeNs),
    cutTo: BigInt(p.cutTo),
    finalSize: BigInt(p.finalSize),
    pathLength: path.length,
    relativeLength: relative.length,
  });
  await sink.add({ type: RECORD.file, file: index }, facts, path, relative);
}

async function addRun(
  sink: RecordSink,
  file: number,
  p: Participant,
  { run, data }: LoadedRun,
  stride: number,
): Promise<void> {
  const type = run.kind === 'zero' ? RECORD.zero : RECORD.data;
  const fields = { type, file, offset: BigInt(run.offset), length: BigInt(run.length) };
  const witnesses = await witnessesOf(p, run, witnessCount(type, run.length, stride), stride);
  await sink.add({ ...fields, witnesses: witnesses.length / 4 }, witnesses, ...(data === undefined ? [] : [data]));
}

/** CRC-32C of the old contents of every `stride`-th sector of a run. */
async function witnessesOf(p: Participant, run: ChangedRun, count: number, stride: number): Promise<Uint8Array> {
  const out = new Uint8Array(count * 4);
  const view = viewOf(out);
  const whole = stride === 1 && run.kind === 'data' ? await p.readOld(run.offset, run.length) : undefined;
  for (let k = 0; k < count; k++) {
    const at = k * stride * SECTOR;
    const length = Math.min(SECTOR, run.length - at);
    const old = whole ?? (await p.readOld(run.offset + at, length));
    view.setUint32(k * 4, sectorChecksum(old, whole === undefined ? 0 : at, length), true);
  }
  return out;
}

/** Write a pointer into an empty file and make it durable. */
export async function writePointer(
  file: HostFile,
  transaction: Uint8Array,
  pointer: { fileIndex: number; journalPath: string; imagePath: string },
): Promise<void> {
  const sink = new RecordSink(file, transaction);
  const journal = new TextEncoder().encode(pointer.journalPath);
  const image = new TextEncoder().encode(pointer.imagePath);
  const lengths = PointerRecord.encode({ journalPathLength: journal.length, imagePathLength: image.length });
  await sink.add({ type: RECORD.pointer, file: pointer.fileIndex }, lengths, journal, image);
  await finish(file, sink, { kind: JOURNAL_KIND.pointer, fileCount: 0, transaction, witnessStride: 1 });
}

/** Room a journal of so many changed bytes takes, bytes; an upper bound. */
export function journalRoom(changed: number): number {
  return (
    alignUp(
      HEADER_SIZE + changed + Math.ceil(changed / SECTOR) * 4 + Math.ceil(changed / 4096) * RecordHeader.size,
      4096,
    ) + 65536
  );
}
