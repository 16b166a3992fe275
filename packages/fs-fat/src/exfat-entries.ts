import { toSafeInteger } from '@vmcraft/core/binary';
import type { WarningSink } from '@vmcraft/core/contracts';
import type { EncodedEntry, EntryFormat, EntryParser, EntrySink, TakenNames } from './entry-format.js';
import { ENTRY_SIZE } from './layout.js';
import {
  EntryType,
  EXFAT_ATTRIBUTES,
  FileEntry,
  GenericSecondary,
  MAX_EXFAT_DIR_BYTES,
  NAME_UNITS_PER_ENTRY,
  SecondaryFlag,
  StreamEntry,
  TypeBit,
  ZONE_VALID,
} from './layout-exfat.js';
import { checkNewName, foldWith, reachable, stripDots } from './names.js';
import type { EntryFields, ParsedEntry } from './node.js';

const CHECKSUM_AT = FileEntry.offsetOf('setChecksum');
const COUNT_AT = FileEntry.offsetOf('secondaryCount');
/** Secondary entries a set may have besides file entry: one stream, up to 17 names, and vendors' own. */
const MAX_SECONDARIES = 255;
const CITATION = 'exFAT specification §6.3.3 and §7.4';

/** Checksum over an entry set, without its own field. exFAT specification §6.3.3. */
export function setChecksum(set: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < set.length; i++) {
    if (i === CHECKSUM_AT || i === CHECKSUM_AT + 1) continue;
    sum = (((sum & 1) << 15) + (sum >> 1) + set[i]!) & 0xffff;
  }
  return sum;
}

/** Hash of an up-cased name. exFAT specification §7.6.4. */
export function nameHash(upcased: string): number {
  let hash = 0;
  for (let i = 0; i < upcased.length; i++) {
    const unit = upcased.charCodeAt(i);
    hash = (((hash & 1) << 15) + (hash >> 1) + (unit & 0xff)) & 0xffff;
    hash = (((hash & 1) << 15) + (hash >> 1) + (unit >> 8)) & 0xffff;
  }
  return hash;
}

/** Why the entries of a set are not as they should be. */
export type SetDefect = (position: number, reason: string) => void;

class ExfatParser implements EntryParser {
  readonly #defect: SetDefect;
  /** The set being collected, its slots wanted and had. */
  #set: Uint8Array | undefined;
  #have = 0;
  #slot = 0;
  #position = 0;

  constructor(defect: SetDefect) {
    this.#defect = defect;
  }

  feed(data: Uint8Array, slot: number, position: number, sink: EntrySink): boolean {
    for (let at = 0; at < data.length; at += ENTRY_SIZE) {
      const here = slot + at / ENTRY_SIZE;
      const type = data[at]!;
      if (this.#set !== undefined && this.#collect(data, at, type, sink)) continue;
      if (type === EntryType.end) {
        sink.end?.(here);
        return false;
      }
      if ((type & TypeBit.inUse) === 0) sink.free?.(here, 1);
      else if (type === EntryType.file) this.#begin(data, at, here, position + at);
    }
    return true;
  }

  #begin(data: Uint8Array, at: number, slot: number, position: number): void {
    const count = data[at + COUNT_AT]!;
    if (count < 2) {
      this.#defect(position, `a file's entry set has ${count} secondary entries`);
      return;
    }
    this.#set = new Uint8Array((count + 1) * ENTRY_SIZE);
    this.#set.set(data.subarray(at, at + ENTRY_SIZE));
    this.#have = 1;
    this.#slot = slot;
    this.#position = position;
  }

  /** Take one more entry of the current set; false when it is not part of it. */
  #collect(data: Uint8Array, at: number, type: number, sink: EntrySink): boolean {
    const set = this.#set!;
    const member = TypeBit.inUse | TypeBit.secondary;
    if ((type & member) !== member) {
      this.#set = undefined;
      this.#defect(this.#position, "a file's entry set ends early");
      return false;
    }
    set.set(data.subarray(at, at + ENTRY_SIZE), this.#have * ENTRY_SIZE);
    if (++this.#have * ENTRY_SIZE === set.length) {
      this.#set = undefined;
      const entry = parseSet(set, this.#slot, this.#position, this.#defect);
      if (entry !== undefined) sink.entries.push(entry);
    }
    return true;
  }
}

/** One object from its whole entry set. */
function parseSet(set: Uint8Array, slot: number, position: number, defect: SetDefect): ParsedEntry | undefined {
  const file = FileEntry.decode(set, 0, position);
  const stream = StreamEntry.decode(set, ENTRY_SIZE, position);
  if (stream.type !== EntryType.stream) {
    defect(position, "a file's entry set has no stream extension");
    return undefined;
  }
  if (file.setChecksum !== setChecksum(set)) defect(position, 'the checksum of an entry set does not fit');
  const name = reachable(nameOf(set, stream.nameLength));
  if (name === '' || name === '.' || name === '..') {
    defect(position, "a file's entry set has no usable name");
    return undefined;
  }
  const size = toSafeInteger(stream.dataLength, 'exFAT.streamExtension.dataLength');
  const valid = toSafeInteger(stream.validDataLength, 'exFAT.streamExtension.validDataLength');
  const frozen = frozenBy(set);
  return {
    name,
    slot,
    slotCount: set.length / ENTRY_SIZE,
    position,
    attributes: file.attributes,
    firstCluster: stream.firstCluster,
    size,
    validSize: Math.min(valid, size),
    contiguous: (stream.flags & SecondaryFlag.noFatChain) !== 0,
    created: file.created,
    createdHundredths: file.created10,
    createdZone: file.createdZone,
    modified: file.modified,
    modifiedHundredths: file.modified10,
    modifiedZone: file.modifiedZone,
    accessed: file.accessed,
    accessedZone: file.accessedZone,
    ...(frozen === undefined ? {} : { frozen }),
  };
}

function nameOf(set: Uint8Array, length: number): string {
  const view = new DataView(set.buffer, set.byteOffset, set.byteLength);
  let name = '';
  for (let at = 2 * ENTRY_SIZE; at < set.length && name.length < length; at += ENTRY_SIZE) {
    if (set[at] !== EntryType.name) break;
    for (let i = 0; i < NAME_UNITS_PER_ENTRY && name.length < length; i++) {
      name += String.fromCharCode(view.getUint16(at + 2 + i * 2, true));
    }
  }
  return name;
}

/** An unknown critical secondary entry: its owner may be read and deleted, not changed. exFAT specification §8.2. */
function frozenBy(set: Uint8Array): string | undefined {
  for (let at = 2 * ENTRY_SIZE; at < set.length; at += ENTRY_SIZE) {
    const type = set[at]!;
    if ((type & TypeBit.benign) === 0 && type !== EntryType.name) {
      return `it has a critical entry of unknown type 0x${type.toString(16)} (exFAT specification §8.2)`;
    }
  }
  return undefined;
}

/** Directory entries of exFAT. */
export class ExfatEntries implements EntryFormat {
  readonly maxSlots = MAX_EXFAT_DIR_BYTES / ENTRY_SIZE;
  readonly maxFileSize = Number.MAX_SAFE_INTEGER;
  readonly sizedDirectories = true;
  readonly zoneNow = ZONE_VALID;
  readonly #upcase: Uint16Array;
  readonly #defect: SetDefect;

  constructor(upcase: Uint16Array, warn: WarningSink | undefined, defect?: SetDefect) {
    this.#upcase = upcase;
    this.#defect =
      defect ??
      ((position, reason) =>
        warn?.({ source: 'fs-fat', message: `directory entry at byte ${position}: ${reason} (${CITATION})` }));
  }

  parser(): EntryParser {
    return new ExfatParser(this.#defect);
  }

  fold(name: string): string {
    return foldWith(name, this.#upcase);
  }

  normalize(name: string): string {
    return stripDots(name);
  }

  checkName(name: string, operation: string): void {
    checkNewName(name, operation, true);
  }

  encode(name: string, fields: EntryFields, _taken: TakenNames, previous?: Uint8Array): EncodedEntry {
    const names = Math.ceil(name.length / NAME_UNITS_PER_ENTRY);
    const extra = previous === undefined ? [] : benignEntries(previous).slice(0, MAX_SECONDARIES - 1 - names);
    const bytes = new Uint8Array((2 + names + extra.length) * ENTRY_SIZE);
    if (previous !== undefined) bytes.set(previous.subarray(0, 2 * ENTRY_SIZE));
    FileEntry.encodeInto({ type: EntryType.file, secondaryCount: 1 + names + extra.length }, bytes);
    const hash = nameHash(this.fold(name));
    StreamEntry.encodeInto({ type: EntryType.stream, nameLength: name.length, nameHash: hash }, bytes, ENTRY_SIZE);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < names; i++) bytes[(2 + i) * ENTRY_SIZE] = EntryType.name;
    for (let i = 0; i < name.length; i++) {
      const entry = 2 + Math.floor(i / NAME_UNITS_PER_ENTRY);
      view.setUint16(entry * ENTRY_SIZE + 2 + (i % NAME_UNITS_PER_ENTRY) * 2, name.charCodeAt(i), true);
    }
    for (const [i, entry] of extra.entries()) bytes.set(entry, (2 + names + i) * ENTRY_SIZE);
    this.patch(bytes, fields);
    return { bytes, primary: 0 };
  }

  patch(set: Uint8Array, fields: EntryFields): void {
    FileEntry.encodeInto(
      {
        attributes: fields.attributes & EXFAT_ATTRIBUTES,
        created: fields.created,
        created10: fields.createdHundredths,
        createdZone: fields.createdZone,
        modified: fields.modified,
        modified10: fields.modifiedHundredths,
        modifiedZone: fields.modifiedZone,
        accessed: fields.accessed,
        accessedZone: fields.accessedZone,
      },
      set,
    );
    StreamEntry.encodeInto(
      {
        flags: SecondaryFlag.allocationPossible | (fields.contiguous ? SecondaryFlag.noFatChain : 0),
        validDataLength: BigInt(fields.validSize),
        firstCluster: fields.firstCluster,
        dataLength: BigInt(fields.size),
      },
      set,
      ENTRY_SIZE,
    );
    FileEntry.encodeInto({ setChecksum: setChecksum(set) }, set);
  }

  erase(set: Uint8Array): void {
    for (let at = 0; at < set.length; at += ENTRY_SIZE) set[at]! &= ~TypeBit.inUse;
  }

  initialEntries(): Uint8Array {
    return new Uint8Array(0);
  }

  movedEntries(): [] {
    return [];
  }

  extraAllocations(set: Uint8Array): { cluster: number; size: number; contiguous: boolean }[] {
    const found = [];
    for (let at = 2 * ENTRY_SIZE; at < set.length; at += ENTRY_SIZE) {
      // Of the benign secondary entries only this one's layout is known to hold clusters.
      if (set[at] !== EntryType.vendorAllocation) continue;
      const entry = GenericSecondary.decode(set, at);
      const size = toSafeInteger(entry.dataLength, 'exFAT.vendorAllocation.dataLength');
      if ((entry.flags & SecondaryFlag.allocationPossible) === 0 || entry.firstCluster === 0 || size === 0) continue;
      found.push({
        cluster: entry.firstCluster,
        size,
        contiguous: (entry.flags & SecondaryFlag.noFatChain) !== 0,
      });
    }
    return found;
  }
}

function benignEntries(set: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 2 * ENTRY_SIZE; at < set.length; at += ENTRY_SIZE) {
    if ((set[at]! & TypeBit.benign) !== 0) found.push(set.slice(at, at + ENTRY_SIZE));
  }
  return found;
}
