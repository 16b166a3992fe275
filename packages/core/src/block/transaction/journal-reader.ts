import { crc32c, toSafeInteger, viewOf } from '../../binary/index.js';
import type { HostFile } from '../../contracts/index.js';
import { CorruptImageError, LimitExceededError } from '../../errors/index.js';
import {
  FileRecord,
  HEADER_SIZE,
  JOURNAL_KIND,
  JOURNAL_MAGIC,
  JournalHeader,
  MAX_DATA,
  MAX_FILES,
  MAX_PATH,
  PointerRecord,
  RECORD,
  RECORD_MAGIC,
  RecordHeader,
  SECTOR,
  witnessCount,
} from './journal-layout.js';
import { MAX_RECORDS } from './journal-writer.js';

/** Bytes read from the journal at once; holds the longest record. */
const WINDOW = 2 * MAX_DATA;

/** A changed run as the journal holds it. */
export interface JournalRun {
  readonly offset: number;
  readonly length: number;
  readonly zero: boolean;
  /** Where its witnesses, and after them its data, lie in the journal. */
  readonly position: number;
  readonly witnesses: number;
}

/** One image of a journal. */
export interface JournalFile {
  readonly path: string;
  readonly relativePath: string;
  readonly ino: bigint;
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly cutTo: number;
  readonly finalSize: number;
  /** In order of offset, disjoint. */
  readonly runs: readonly JournalRun[];
}

/** What a pointer file says. */
export interface JournalPointer {
  readonly transaction: Uint8Array;
  readonly fileIndex: number;
  readonly journalPath: string;
  readonly imagePath: string;
}

function corrupt(field: string, offset: number, reason: string): CorruptImageError {
  const citation = 'docs/formats/journal.md';
  return new CorruptImageError({ structure: 'vmcraft_journal', field, offset, reason, citation });
}

type Header = ReturnType<typeof JournalHeader.decode>;
type Record = ReturnType<typeof RecordHeader.decode> & { readonly position: number; readonly payload: Uint8Array };

/** A committed journal, all of whose checksums were verified on opening. */
export class Journal {
  readonly #file: HostFile;
  readonly files: readonly JournalFile[];
  readonly transaction: Uint8Array;
  readonly kind: number;
  readonly witnessStride: number;

  private constructor(file: HostFile, header: Header, files: readonly JournalFile[]) {
    this.#file = file;
    this.files = files;
    this.transaction = header.transaction;
    this.kind = header.kind;
    this.witnessStride = header.witnessStride;
  }

  /**
   * Read and verify all of a journal or pointer.
   * @throws CorruptImageError when a checksum, length or order is wrong
   */
  static async open(file: HostFile): Promise<Journal | JournalPointer> {
    const header = await readHeader(file);
    if (header.kind === JOURNAL_KIND.pointer) return readPointer(file, header);
    if (header.kind !== JOURNAL_KIND.journal && header.kind !== JOURNAL_KIND.device) {
      throw corrupt('kind', 8, `unknown kind ${header.kind}`);
    }
    if (header.fileCount < 1 || header.fileCount > MAX_FILES)
      throw corrupt('file_count', 12, `${header.fileCount} files`);
    if (header.witnessStride < 1) throw corrupt('witness_stride', 48, 'is zero');
    const files: (JournalFile & { runs: JournalRun[] })[] = [];
    for await (const record of recordsOf(file, header)) {
      if (files.length < header.fileCount) files.push(readFileRecord(record, files.length));
      else addRun(files, record, header.witnessStride);
    }
    if (files.length < header.fileCount) throw corrupt('file_count', 12, 'fewer file records than files');
    return new Journal(file, header, files);
  }

  /** Witnesses of a run: CRC-32C of old sectors. */
  async witnessesOf(run: JournalRun): Promise<number[]> {
    const view = viewOf(await this.#file.read(run.position, run.witnesses * 4));
    return Array.from({ length: run.witnesses }, (_, k) => view.getUint32(k * 4, true));
  }

  /** New contents of a run from `within`, `length` bytes; zeros for a zero run. */
  async dataOf(run: JournalRun, within: number, length: number): Promise<Uint8Array> {
    if (run.zero) return new Uint8Array(length);
    const data = await this.#file.read(run.position + run.witnesses * 4 + within, length);
    if (data.length !== length) throw corrupt('data', run.position, 'the journal has shrunk');
    return data;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

async function readHeader(file: HostFile): Promise<Header> {
  const data = await file.read(0, HEADER_SIZE);
  const header = JournalHeader.decode(data);
  if (header.magic !== JOURNAL_MAGIC) throw corrupt('magic', 0, 'this is no VMCraft journal');
  const at = JournalHeader.offsetOf('checksum');
  if (crc32c(data.subarray(0, at)) !== header.checksum) throw corrupt('checksum', at, 'the header checksum is wrong');
  if (toSafeInteger(header.totalLength, 'vmcraft_journal.total_length') !== file.size) {
    throw corrupt('total_length', 32, `says ${header.totalLength} bytes, the file has ${file.size}`);
  }
  if (header.recordCount > BigInt(MAX_RECORDS)) {
    throw new LimitExceededError({ limit: 'journal records', value: Number(header.recordCount), max: MAX_RECORDS });
  }
  return header;
}

/** All records but the last, `end`, which is checked here. */
async function* recordsOf(file: HostFile, header: Header): AsyncGenerator<Record> {
  const seed = crc32c(header.transaction);
  const count = Number(header.recordCount);
  let window = new Uint8Array(0);
  let start = HEADER_SIZE;
  const need = async (at: number, length: number): Promise<Uint8Array> => {
    if (at < start || at + length > start + window.length) {
      window = new Uint8Array(await file.read(at, Math.max(WINDOW, length)));
      start = at;
    }
    if (at + length > start + window.length) throw corrupt('record', at, 'ends past the journal');
    return window.subarray(at - start, at - start + length);
  };
  let at = HEADER_SIZE;
  for (let i = 0; i < count; i++) {
    const head = await need(at, RecordHeader.size);
    const record = RecordHeader.decode(head, 0, at);
    if (record.magic !== RECORD_MAGIC) throw corrupt('record_magic', at, 'this is no record');
    if (crc32c(head.subarray(0, RecordHeader.offsetOf('checksum')), seed) !== record.checksum) {
      throw corrupt('record_checksum', at, 'the record checksum is wrong');
    }
    if (record.payloadLength > WINDOW - RecordHeader.size) throw corrupt('payload_length', at, 'is too long');
    const position = at + RecordHeader.size;
    const payload = await need(position, record.payloadLength);
    if (crc32c(payload) !== record.payloadChecksum) throw corrupt('payload_checksum', at, 'the data checksum is wrong');
    at = position + record.payloadLength;
    const last = i === count - 1;
    if ((record.type === RECORD.end) !== last) throw corrupt('type', position, 'the end record is not the last');
    if (!last) yield { ...record, position, payload };
  }
  if (at !== file.size) throw corrupt('total_length', 32, 'bytes follow the end record');
}

function textOf(data: Uint8Array, at: number, length: number, field: string): string {
  if (length > MAX_PATH || at + length > data.length) throw corrupt(field, at, 'does not fit its record');
  const text = new TextDecoder().decode(data.subarray(at, at + length));
  if (text.includes('\0')) throw corrupt(field, at, 'holds a NUL');
  return text;
}

function readFileRecord(record: Record, index: number): JournalFile & { runs: JournalRun[] } {
  if (record.type !== RECORD.file || record.file !== index) throw corrupt('type', record.position, 'no file record');
  const facts = FileRecord.decode(record.payload, 0, record.position);
  const size = toSafeInteger(facts.size, 'vmcraft_journal_file.size');
  const cutTo = toSafeInteger(facts.cutTo, 'vmcraft_journal_file.cut_to');
  const finalSize = toSafeInteger(facts.finalSize, 'vmcraft_journal_file.final_size');
  if (cutTo > size) throw corrupt('cut_to', record.position, 'is beyond the size');
  const path = textOf(record.payload, FileRecord.size, facts.pathLength, 'path');
  const relativePath = textOf(
    record.payload,
    FileRecord.size + facts.pathLength,
    facts.relativeLength,
    'relative_path',
  );
  return { path, relativePath, ino: facts.ino, size, mtimeNs: facts.mtimeNs, cutTo, finalSize, runs: [] };
}

function addRun(files: readonly (JournalFile & { runs: JournalRun[] })[], record: Record, stride: number): void {
  const { type, position, witnesses } = record;
  const file = files[record.file];
  if (file === undefined) throw corrupt('file', position, `there is no file ${record.file}`);
  if (type !== RECORD.data && type !== RECORD.zero) throw corrupt('type', position, `unknown type ${type}`);
  const offset = toSafeInteger(record.offset, 'vmcraft_journal_record.offset');
  const length = toSafeInteger(record.length, 'vmcraft_journal_record.length');
  const previous = file.runs.at(-1);
  const after = previous === undefined ? 0 : previous.offset + previous.length;
  if (offset < after || offset % SECTOR !== 0) throw corrupt('offset', position, 'is out of order');
  if (length < 1 || length > file.finalSize - offset) throw corrupt('length', position, 'ends past the file');
  if (type === RECORD.data && length > MAX_DATA) throw corrupt('length', position, 'is too long');
  if (witnesses !== witnessCount(type, length, stride)) throw corrupt('witnesses', position, 'is not what it must be');
  const expected = witnesses * 4 + (type === RECORD.data ? length : 0);
  if (record.payloadLength !== expected) throw corrupt('payload_length', position, `is not ${expected}`);
  file.runs.push({ offset, length, zero: type === RECORD.zero, position, witnesses });
}

async function readPointer(file: HostFile, header: Header): Promise<JournalPointer> {
  for await (const record of recordsOf(file, header)) {
    if (record.type !== RECORD.pointer) break;
    const lengths = PointerRecord.decode(record.payload, 0, record.position);
    const journalPath = textOf(record.payload, PointerRecord.size, lengths.journalPathLength, 'journal_path');
    const at = PointerRecord.size + lengths.journalPathLength;
    const imagePath = textOf(record.payload, at, lengths.imagePathLength, 'image_path');
    return { transaction: header.transaction, fileIndex: record.file, journalPath, imagePath };
  }
  throw corrupt('type', HEADER_SIZE, 'a pointer has one pointer record');
}
