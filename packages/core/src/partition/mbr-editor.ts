import type { BlockDevice } from '../contracts/index.js';
import { UnsupportedFeatureError, UsageError } from '../errors/index.js';
import { chsBytes } from './chs.js';
import { ebrWrites, type LogicalSlot } from './ebr-chain.js';
import { type Placement, resolveEnd } from './edit-arguments.js';
import {
  BOOT_ACTIVE,
  FIRST_LOGICAL,
  isExtendedType,
  MasterBootRecord,
  MBR_MAX_SECTORS,
  MBR_SIGNATURE,
  MBR_SIZE,
  MBR_SLOTS,
  MBR_TYPE,
  type MbrPartitionRecord,
} from './layout-mbr.js';
import { isUsed, type MbrContents } from './mbr.js';
import { EMPTY_RECORD } from './protective-mbr.js';

/** A run of sectors, both inclusive. */
interface Span {
  readonly first: number;
  readonly last: number;
}

/** Changes to an MBR and its EBR chain, in memory until {@link MbrEditor.write}. Addresses are sectors, ends inclusive. */
export class MbrEditor {
  readonly type = 'msdos' as const;
  readonly sectorSize: number;
  readonly #device: BlockDevice;
  readonly #records: MbrPartitionRecord[];
  readonly #logicals: LogicalSlot[];
  /** Disk signature; 0 means none. */
  diskId: number;

  constructor(device: BlockDevice, contents: MbrContents) {
    this.#device = device;
    this.sectorSize = contents.sectorSize;
    this.diskId = contents.diskId;
    this.#records = contents.records.map((r) => ({ ...r }));
    this.#logicals = contents.logicals.map((l) => ({ ...l, record: { ...l.record } }));
    const extended = this.#records.filter((r) => isUsed(r) && isExtendedType(r.osType));
    const links = new Set(this.#logicals.map((l) => l.ebrLba));
    if (extended.length > 1 || links.size !== this.#logicals.length) {
      throw new UnsupportedFeatureError({ feature: 'editing a chain of EBRs that is not one link for one partition' });
    }
  }

  /** An empty table. */
  static create(device: BlockDevice, diskId = randomDiskId()): MbrEditor {
    const records = Array.from({ length: MBR_SLOTS }, () => EMPTY_RECORD);
    return new MbrEditor(device, { sectorSize: device.sectorSize, diskId, records, logicals: [] });
  }

  /** Numbers in use, ascending. */
  get numbers(): number[] {
    const primaries = this.#records.flatMap((r, i) => (isUsed(r) ? [i + 1] : []));
    return [...primaries, ...this.#logicals.map((_, i) => FIRST_LOGICAL + i)];
  }

  /** Of a partition. @throws UsageError when there is no such partition */
  kindOf(number: number): 'primary' | 'extended' | 'logical' {
    const record = this.record(number);
    if (number >= FIRST_LOGICAL) return 'logical';
    return isExtendedType(record.osType) ? 'extended' : 'primary';
  }

  /** The record of a partition; that of a logical one counts from its EBR. @throws UsageError when there is none */
  record(number: number): MbrPartitionRecord {
    const record = number >= FIRST_LOGICAL ? this.#logicals[number - FIRST_LOGICAL]?.record : this.#records[number - 1];
    if (record === undefined || !isUsed(record)) {
      throw new UsageError(`partition ${number} does not exist`, { argument: 'partnum' });
    }
    return record;
  }

  /**
   * Add a partition; logical ones go to the end of the chain, so that others keep their numbers.
   * @returns its number
   * @throws UsageError when there is no room in the table or the span is not free
   */
  add(place: Placement): number {
    const kind = place.kind ?? 'primary';
    const span = { first: place.start, last: resolveEnd(place.end, this.#sectors) };
    this.#checkBounds(span, kind === 'logical' ? 1 : 0);
    if (kind === 'logical') return this.#addLogical(span, place.mbrId ?? MBR_TYPE.linux);
    const slot = this.#records.findIndex((r) => !isUsed(r));
    if (slot < 0) throw new UsageError('all four primary partitions are in use');
    if (kind === 'extended' && this.#extended !== undefined)
      throw new UsageError('there is an extended partition already');
    const osType = place.mbrId ?? (kind === 'extended' ? MBR_TYPE.extendedLba : MBR_TYPE.linux);
    if (isExtendedType(osType) !== (kind === 'extended')) throw new UsageError(`type ${osType} does not fit ${kind}`);
    this.#checkFree(span);
    this.#records[slot] = makeRecord(osType, span, 0);
    return slot + 1;
  }

  /** Remove a partition; an extended one takes its logical ones along, and logical ones after a removed one move up. */
  delete(number: number): void {
    const kind = this.kindOf(number);
    if (kind === 'logical') this.#logicals.splice(number - FIRST_LOGICAL, 1);
    else this.#records[number - 1] = EMPTY_RECORD;
    if (kind === 'extended') this.#logicals.length = 0;
  }

  /** Move the end of a partition. `end` may be negative, counting from the end of the disk. */
  resize(number: number, end: number): void {
    const kind = this.kindOf(number);
    const span = { first: this.#spanOf(number).first, last: resolveEnd(end, this.#sectors) };
    this.#checkBounds(span, 0);
    if (kind === 'logical') this.#checkInExtended(span, number);
    else this.#checkFree(span, number);
    if (kind === 'extended') {
      const cut = this.#logicals.find((l) => l.startLba + l.record.sizeInLba - 1 > span.last);
      if (cut !== undefined) throw new UsageError('a logical partition lies behind the new end');
    }
    const record = this.record(number);
    record.sizeInLba = span.last - span.first + 1;
    record.endingChs = chsBytes(span.last);
  }

  isBootable(number: number): boolean {
    return this.record(number).bootIndicator === BOOT_ACTIVE;
  }

  setBootable(number: number, bootable: boolean): void {
    this.record(number).bootIndicator = bootable ? BOOT_ACTIVE : 0;
  }

  /** @throws UsageError when the byte is out of range, or would turn an extended partition into another or back */
  setMbrId(number: number, osType: number): void {
    const record = this.record(number);
    if (!Number.isInteger(osType) || osType < 1 || osType > 0xff) throw new UsageError(`type ${osType} is not 1..255`);
    if (isExtendedType(osType) !== isExtendedType(record.osType)) {
      throw new UsageError('a partition cannot become extended or cease to be by its type');
    }
    record.osType = osType;
  }

  /** Write the chain of EBRs, then the MBR. Boot code stays as it is. */
  async write(): Promise<void> {
    const unit = this.sectorSize;
    const extended = this.#extended;
    if (extended !== undefined) {
      for (const { lba, records } of ebrWrites(extended.startingLba, this.#logicals)) {
        await this.#writeRecords(lba * unit, records, {});
      }
    }
    await this.#writeRecords(0, this.#records, { uniqueMbrSignature: this.diskId });
    await this.#device.flush();
  }

  async #writeRecords(at: number, records: readonly MbrPartitionRecord[], more: { uniqueMbrSignature?: number }) {
    const sector = (await this.#device.read(at, MBR_SIZE)).slice();
    const partitionRecord = [...records, EMPTY_RECORD, EMPTY_RECORD].slice(0, MBR_SLOTS);
    MasterBootRecord.encodeInto({ partitionRecord, signature: MBR_SIGNATURE, ...more }, sector);
    await this.#device.write(at, sector);
  }

  get #sectors(): number {
    return Math.floor(this.#device.size / this.sectorSize);
  }

  get #extended(): MbrPartitionRecord | undefined {
    return this.#records.find((r) => isUsed(r) && isExtendedType(r.osType));
  }

  #spanOf(number: number): Span {
    const record = this.record(number);
    const first = number >= FIRST_LOGICAL ? this.#logicals[number - FIRST_LOGICAL]!.startLba : record.startingLba;
    return { first, last: first + record.sizeInLba - 1 };
  }

  #addLogical(span: Span, osType: number): number {
    const extended = this.#extended;
    if (extended === undefined) throw new UsageError('there is no extended partition for a logical one');
    if (isExtendedType(osType)) throw new UsageError('a logical partition cannot be extended');
    const ebrLba = this.#logicals.length === 0 ? extended.startingLba : span.first - 1;
    this.#checkInExtended({ first: this.#logicals.length === 0 ? span.first : ebrLba, last: span.last });
    const record = makeRecord(osType, span, ebrLba);
    this.#logicals.push({ ebrLba, startLba: span.first, record });
    return FIRST_LOGICAL + this.#logicals.length - 1;
  }

  #checkBounds(span: Span, first: number): void {
    const end = Math.min(this.#sectors - 1, MBR_MAX_SECTORS);
    if (
      !Number.isSafeInteger(span.first) ||
      span.first < Math.max(first, 1) ||
      span.last > end ||
      span.last < span.first
    ) {
      throw new UsageError(`sectors ${span.first}..${span.last} are not within 1..${end}`);
    }
  }

  #checkFree(span: Span, except?: number): void {
    for (const number of this.numbers) {
      if (number === except || number >= FIRST_LOGICAL) continue;
      if (overlap(span, this.#spanOf(number))) {
        throw new UsageError(`sectors ${span.first}..${span.last} overlap partition ${number}`);
      }
    }
  }

  /** A logical partition and its EBR must lie in the extended one, off all others and their EBRs. */
  #checkInExtended(span: Span, except?: number): void {
    const extended = this.#extended!;
    const end = extended.startingLba + extended.sizeInLba - 1;
    if (span.first <= extended.startingLba || span.last > end) {
      throw new UsageError(`sectors ${span.first}..${span.last} are not within ${extended.startingLba + 1}..${end}`);
    }
    for (const [i, other] of this.#logicals.entries()) {
      if (i + FIRST_LOGICAL === except) continue;
      const data = { first: other.startLba, last: other.startLba + other.record.sizeInLba - 1 };
      const ebr = { first: other.ebrLba, last: other.ebrLba };
      if (overlap(span, data) || overlap(span, ebr)) {
        throw new UsageError(`sectors ${span.first}..${span.last} overlap partition ${i + FIRST_LOGICAL} or its EBR`);
      }
    }
  }
}

function overlap(a: Span, b: Span): boolean {
  return a.first <= b.last && b.first <= a.last;
}

function makeRecord(osType: number, span: Span, base: number): MbrPartitionRecord {
  return {
    bootIndicator: 0,
    startingChs: chsBytes(span.first),
    osType,
    endingChs: chsBytes(span.last),
    startingLba: span.first - base,
    sizeInLba: span.last - span.first + 1,
  };
}

/** A random disk signature that is not 0. */
function randomDiskId(): number {
  return globalThis.crypto.getRandomValues(new Uint32Array(1))[0]! || 1;
}
