import type { CodePage } from './code-page.js';
import type { EncodedEntry, EntryFormat, EntryParser, EntrySink, TakenNames } from './entry-format.js';
import {
  Attribute,
  ENTRY_SIZE,
  EntryMark,
  LONG_NAME_OFFSETS,
  LongEntry,
  LongName,
  MAX_FAT_DIR_SLOTS,
  MAX_FAT_FILE,
  ShortEntry,
} from './layout.js';
import { checkNewName, foldUnicode, reachable, stripDots } from './names.js';
import type { EntryFields } from './node.js';
import { decodeShortName, makeShortName, shortNameChecksum, shortNameText } from './short-name.js';

const AT = {
  attributes: ShortEntry.offsetOf('attributes'),
  caseFlags: ShortEntry.offsetOf('caseFlags'),
  createdTenth: ShortEntry.offsetOf('createdTenth'),
  createdTime: ShortEntry.offsetOf('createdTime'),
  createdDate: ShortEntry.offsetOf('createdDate'),
  accessedDate: ShortEntry.offsetOf('accessedDate'),
  clusterHigh: ShortEntry.offsetOf('clusterHigh'),
  modifiedTime: ShortEntry.offsetOf('modifiedTime'),
  modifiedDate: ShortEntry.offsetOf('modifiedDate'),
  clusterLow: ShortEntry.offsetOf('clusterLow'),
  size: ShortEntry.offsetOf('size'),
  checksum: LongEntry.offsetOf('checksum'),
} as const;

/** A long name that is being put together; its pieces come last one first. */
class LongNameCollector {
  readonly #units = new Uint16Array(LongName.maxPieces * LongName.unitsPerPiece);
  #expected = 0;
  #pieces = 0;
  #checksum = 0;
  /** Slots that an orphaned name has taken before the current one. */
  pending = 0;

  reset(): void {
    this.#pieces = 0;
    this.pending = 0;
  }

  add(view: DataView, at: number): void {
    const order = view.getUint8(at);
    const number = order & LongName.orderMask;
    const checksum = view.getUint8(at + AT.checksum);
    if ((order & LongName.lastPiece) !== 0) {
      this.#pieces = number >= 1 && number <= LongName.maxPieces ? number : 0;
      this.#expected = number;
      this.#checksum = checksum;
      this.pending = 0;
    } else if (this.#pieces === 0 || number !== this.#expected || checksum !== this.#checksum) {
      this.reset();
      return;
    }
    if (this.#pieces === 0) return;
    const base = (number - 1) * LongName.unitsPerPiece;
    for (let i = 0; i < LongName.unitsPerPiece; i++) {
      this.#units[base + i] = view.getUint16(at + LONG_NAME_OFFSETS[i]!, true);
    }
    this.#expected = number - 1;
    this.pending++;
  }

  /** The name for the short entry that follows, or undefined when the pieces are not its own. */
  take(checksum: number): string | undefined {
    if (this.#pieces === 0 || this.#expected !== 0 || checksum !== this.#checksum) return undefined;
    const length = this.#pieces * LongName.unitsPerPiece;
    const end = this.#units.subarray(0, length).indexOf(0);
    const units = this.#units.subarray(0, Math.min(end < 0 ? length : end, LongName.maxUnits));
    const name = reachable(String.fromCharCode.apply(null, units as unknown as number[]));
    return name === '' || name === '.' || name === '..' ? undefined : name;
  }
}

class FatParser implements EntryParser {
  readonly #long = new LongNameCollector();
  readonly #page: CodePage;
  readonly #wide: boolean;

  constructor(page: CodePage, wide: boolean) {
    this.#page = page;
    this.#wide = wide;
  }

  feed(data: Uint8Array, slot: number, position: number, sink: EntrySink): boolean {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    for (let at = 0; at < data.length; at += ENTRY_SIZE) {
      const here = slot + at / ENTRY_SIZE;
      const first = data[at]!;
      if (first === EntryMark.end) {
        sink.end?.(here);
        return false;
      }
      const attributes = data[at + AT.attributes]!;
      if (first === EntryMark.deleted) {
        this.#long.reset();
        sink.free?.(here, 1);
      } else if ((attributes & Attribute.longNameMask) === Attribute.longName) {
        this.#long.add(view, at);
      } else {
        if ((attributes & Attribute.volumeId) === 0) this.#object(data, view, at, here, position + at, sink);
        this.#long.reset();
      }
    }
    return true;
  }

  #object(data: Uint8Array, view: DataView, at: number, slot: number, position: number, sink: EntrySink): void {
    const long = this.#long.take(shortNameChecksum(data, at));
    const caseFlags = long === undefined ? data[at + AT.caseFlags]! : 0;
    const short = reachable(decodeShortName(data, at, caseFlags, this.#page));
    // `.` and `..`, and the nameless remains of damage, are not for anyone to see.
    if (short === '.' || short === '..' || (short === '' && long === undefined)) return;
    const slots = long === undefined ? 0 : this.#long.pending;
    const entry = { ...this.#fields(view, at), slot: slot - slots, slotCount: slots + 1, position };
    sink.entries.push(long === undefined ? { name: short, ...entry } : { name: long, alias: short, ...entry });
  }

  #fields(view: DataView, at: number): EntryFields {
    const size = view.getUint32(at + AT.size, true);
    const attributes = view.getUint8(at + AT.attributes);
    const isDirectory = (attributes & Attribute.directory) !== 0;
    const high = this.#wide ? view.getUint16(at + AT.clusterHigh, true) : 0;
    return {
      attributes,
      firstCluster: high * 0x10000 + view.getUint16(at + AT.clusterLow, true),
      size: isDirectory ? 0 : size,
      validSize: isDirectory ? 0 : size,
      contiguous: false,
      created: view.getUint16(at + AT.createdDate, true) * 0x10000 + view.getUint16(at + AT.createdTime, true),
      createdHundredths: view.getUint8(at + AT.createdTenth),
      createdZone: 0,
      modified: view.getUint16(at + AT.modifiedDate, true) * 0x10000 + view.getUint16(at + AT.modifiedTime, true),
      modifiedHundredths: 0,
      modifiedZone: 0,
      accessed: view.getUint16(at + AT.accessedDate, true) * 0x10000,
      accessedZone: 0,
    };
  }
}

/** Directory entries of FAT12, FAT16 and FAT32 with long names. */
export class FatEntries implements EntryFormat {
  readonly maxSlots = MAX_FAT_DIR_SLOTS;
  readonly maxFileSize = MAX_FAT_FILE;
  readonly sizedDirectories = false;
  readonly zoneNow = 0;
  readonly #page: CodePage;
  readonly #wide: boolean;

  /** @param wide FAT32: cluster numbers have an upper half */
  constructor(page: CodePage, wide: boolean) {
    this.#page = page;
    this.#wide = wide;
  }

  parser(): EntryParser {
    return new FatParser(this.#page, this.#wide);
  }

  fold(name: string): string {
    return foldUnicode(name);
  }

  normalize(name: string): string {
    return stripDots(name);
  }

  checkName(name: string, operation: string): void {
    checkNewName(name, operation, false);
  }

  encode(name: string, fields: EntryFields, taken: TakenNames, previous?: Uint8Array): EncodedEntry {
    const { raw, needsLong } = makeShortName(name, this.#page, taken);
    const pieces = needsLong ? Math.ceil(name.length / LongName.unitsPerPiece) : 0;
    const bytes = new Uint8Array((pieces + 1) * ENTRY_SIZE);
    if (pieces > 0) putLongName(bytes, name, pieces, shortNameChecksum(raw, 0));
    const at = pieces * ENTRY_SIZE;
    if (previous !== undefined) bytes.set(previous.subarray(previous.length - ENTRY_SIZE), at);
    bytes[at + AT.caseFlags] = 0;
    bytes.set(raw, at);
    this.patch(bytes, fields);
    return { bytes, primary: pieces, ...(needsLong ? { alias: shortNameText(raw, this.#page) } : {}) };
  }

  patch(entries: Uint8Array, fields: EntryFields): void {
    const at = entries.length - ENTRY_SIZE;
    ShortEntry.encodeInto(
      {
        attributes: fields.attributes & 0xff,
        createdTenth: fields.createdHundredths,
        createdTime: fields.created & 0xffff,
        createdDate: fields.created >>> 16,
        accessedDate: fields.accessed >>> 16,
        modifiedTime: fields.modified & 0xffff,
        modifiedDate: fields.modified >>> 16,
        clusterLow: fields.firstCluster & 0xffff,
        size: fields.size,
        ...(this.#wide ? { clusterHigh: fields.firstCluster >>> 16 } : {}),
      },
      entries,
      at,
    );
  }

  erase(entries: Uint8Array): void {
    for (let at = 0; at < entries.length; at += ENTRY_SIZE) entries[at] = EntryMark.deleted;
  }

  initialEntries(fields: EntryFields, parentCluster: number): Uint8Array {
    const bytes = new Uint8Array(2 * ENTRY_SIZE);
    const own = { ...fields, size: 0 };
    this.#putDot(bytes, 0, '.', own);
    this.#putDot(bytes, ENTRY_SIZE, '..', { ...own, firstCluster: parentCluster });
    return bytes;
  }

  #putDot(bytes: Uint8Array, at: number, name: string, fields: EntryFields): void {
    const entry = new Uint8Array(ENTRY_SIZE).fill(0x20, 0, AT.attributes);
    for (let i = 0; i < name.length; i++) entry[i] = EntryMark.dot;
    this.patch(entry, fields);
    bytes.set(entry, at);
  }

  movedEntries(parentCluster: number): { slot: number; offset: number; bytes: Uint8Array }[] {
    const low = Uint8Array.of(parentCluster & 0xff, (parentCluster >> 8) & 0xff);
    const high = Uint8Array.of((parentCluster >> 16) & 0xff, (parentCluster >>> 24) & 0xff);
    const changes = [{ slot: 1, offset: AT.clusterLow, bytes: low }];
    if (this.#wide) changes.push({ slot: 1, offset: AT.clusterHigh, bytes: high });
    return changes;
  }

  extraAllocations(): [] {
    return [];
  }
}

function putLongName(bytes: Uint8Array, name: string, pieces: number, checksum: number): void {
  const view = new DataView(bytes.buffer);
  for (let piece = 1; piece <= pieces; piece++) {
    const at = (pieces - piece) * ENTRY_SIZE;
    view.setUint8(at, piece | (piece === pieces ? LongName.lastPiece : 0));
    view.setUint8(at + AT.attributes, Attribute.longName);
    view.setUint8(at + AT.checksum, checksum);
    for (let i = 0; i < LongName.unitsPerPiece; i++) {
      const k = (piece - 1) * LongName.unitsPerPiece + i;
      // The name ends with one NUL where it does not fill its pieces; the rest is 0xFFFF.
      const unit = k < name.length ? name.charCodeAt(k) : k === name.length ? 0 : 0xffff;
      view.setUint16(at + LONG_NAME_OFFSETS[i]!, unit, true);
    }
  }
}
