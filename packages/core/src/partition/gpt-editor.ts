import { alignUp, crc32, isPowerOfTwo } from '../binary/index.js';
import type { BlockDevice } from '../contracts/index.js';
import { CorruptImageError, UsageError } from '../errors/index.js';
import { checkGuid, type Placement, randomGuid, resolveEnd } from './edit-arguments.js';
import { type GptContents, gptEntry, isEntryUsed } from './gpt.js';
import {
  GPT_ENTRIES_LBA,
  GPT_ENTRY_ARRAY_BYTES,
  GPT_ENTRY_SIZE,
  GPT_HEADER_SIZE,
  GPT_NAME_UNITS,
  GPT_PRIMARY_LBA,
  GPT_REVISION,
  GPT_SIGNATURE,
  GptHeader,
  GptPartitionEntry,
} from './layout-gpt.js';
import { MBR_SIZE } from './layout-mbr.js';
import { protectiveMbr } from './protective-mbr.js';
import { GUID_TYPE } from './type-guids.js';

/** Name parted gives to partitions of a GPT when asked for a primary one; guests made by libguestfs have it. */
const DEFAULT_NAME = 'primary';

/** Sectors that hold `bytes`. */
function sectorsFor(bytes: number, sectorSize: number): number {
  return Math.ceil(bytes / sectorSize);
}

/** Changes to a GPT, in memory until {@link GptEditor.write}. Numbers count from 1; addresses are sectors, ends inclusive. */
export class GptEditor {
  readonly type = 'gpt' as const;
  readonly #device: BlockDevice;
  readonly sectorSize: number;
  #header: GptHeader;
  #entries: Uint8Array;
  /** First sector of the primary's entries. */
  #entriesLba: number;

  constructor(device: BlockDevice, contents: GptContents) {
    this.#device = device;
    this.sectorSize = contents.sectorSize;
    this.#header = { ...contents.header };
    this.#entries = contents.entries.slice();
    this.#entriesLba = contents.copy === 'primary' ? Number(contents.header.partitionEntryLba) : GPT_ENTRIES_LBA;
    const alternate =
      contents.copy === 'primary' ? Number(contents.header.alternateLba) : Number(contents.header.myLba);
    this.#header.alternateLba = BigInt(alternate);
    this.#checkLayout();
  }

  /** An empty table for a device. @throws UsageError when the device is too small */
  static create(device: BlockDevice, diskGuid = randomGuid()): GptEditor {
    const sectorSize = device.sectorSize;
    const last = Math.floor(device.size / sectorSize) - 1;
    const span = sectorsFor(GPT_ENTRY_ARRAY_BYTES, sectorSize);
    const first = GPT_ENTRIES_LBA + span;
    if (last - span - 1 < first) throw new UsageError(`the device is too small for a GPT: ${device.size} bytes`);
    const header: GptHeader = {
      signature: GPT_SIGNATURE,
      revision: GPT_REVISION,
      headerSize: GPT_HEADER_SIZE,
      headerCrc32: 0,
      myLba: BigInt(GPT_PRIMARY_LBA),
      alternateLba: BigInt(last),
      firstUsableLba: BigInt(first),
      lastUsableLba: BigInt(last - span - 1),
      diskGuid: checkGuid(diskGuid),
      partitionEntryLba: BigInt(GPT_ENTRIES_LBA),
      numberOfPartitionEntries: GPT_ENTRY_ARRAY_BYTES / GPT_ENTRY_SIZE.min,
      sizeOfPartitionEntry: GPT_ENTRY_SIZE.min,
      partitionEntryArrayCrc32: 0,
    };
    return new GptEditor(device, {
      sectorSize,
      header,
      entries: new Uint8Array(GPT_ENTRY_ARRAY_BYTES),
      copy: 'primary',
    });
  }

  /** Disk GUID, lower case. */
  get diskGuid(): string {
    return this.#header.diskGuid;
  }

  set diskGuid(value: string) {
    this.#header.diskGuid = checkGuid(value);
  }

  /** Numbers in use, ascending. */
  get numbers(): number[] {
    const size = this.#header.sizeOfPartitionEntry;
    const found: number[] = [];
    for (let i = 0; i < this.#header.numberOfPartitionEntries; i++) {
      if (isEntryUsed(this.#entries, i * size)) found.push(i + 1);
    }
    return found;
  }

  /** The entry of a partition. @throws UsageError when there is no such partition */
  entry(number: number): GptPartitionEntry {
    const size = this.#header.sizeOfPartitionEntry;
    const inRange = Number.isInteger(number) && number >= 1 && number <= this.#header.numberOfPartitionEntries;
    if (!inRange || !isEntryUsed(this.#entries, (number - 1) * size)) {
      throw new UsageError(`partition ${number} does not exist`, { argument: 'partnum' });
    }
    return gptEntry({ header: this.#header, entries: this.#entries }, number - 1);
  }

  /**
   * Add a partition in the lowest free slot.
   * @returns its number
   * @throws UsageError when the span leaves the usable sectors or meets another partition, or no slot is free
   */
  add(place: Placement): number {
    const start = place.start;
    const end = resolveEnd(place.end, this.#sectors);
    this.#checkSpan(start, end);
    const used = new Set(this.numbers);
    let number = 1;
    while (used.has(number)) number += 1;
    if (number > this.#header.numberOfPartitionEntries) throw new UsageError('no free entry in the GPT');
    this.#store(number, {
      partitionTypeGuid: place.typeGuid ?? GUID_TYPE.linuxData,
      uniquePartitionGuid: randomGuid(),
      startingLba: BigInt(start),
      endingLba: BigInt(end),
      attributes: 0n,
      partitionName: checkName(place.name ?? DEFAULT_NAME),
    });
    return number;
  }

  /** Remove a partition. */
  delete(number: number): void {
    this.entry(number);
    const size = this.#header.sizeOfPartitionEntry;
    this.#entries.fill(0, (number - 1) * size, number * size);
  }

  /** Move the end of a partition. `end` may be negative, counting from the end of the disk. */
  resize(number: number, end: number): void {
    const { startingLba } = this.entry(number);
    const last = resolveEnd(end, this.#sectors);
    this.#checkSpan(Number(startingLba), last, number);
    this.#store(number, { endingLba: BigInt(last) });
  }

  /** What parted calls the `boot` flag: the type EFI System. */
  isBootable(number: number): boolean {
    return this.entry(number).partitionTypeGuid === GUID_TYPE.efiSystem;
  }

  /** Make the type EFI System, or Linux data again when it was that. */
  setBootable(number: number, bootable: boolean): void {
    if (bootable !== this.isBootable(number)) {
      this.setTypeGuid(number, bootable ? GUID_TYPE.efiSystem : GUID_TYPE.linuxData);
    }
  }

  setTypeGuid(number: number, value: string): void {
    this.entry(number);
    this.#store(number, { partitionTypeGuid: checkGuid(value) });
  }

  setGuid(number: number, value: string): void {
    this.entry(number);
    this.#store(number, { uniquePartitionGuid: checkGuid(value) });
  }

  /** @throws UsageError when the name is longer than 36 UTF-16 units */
  setName(number: number, value: string): void {
    this.entry(number);
    this.#store(number, { partitionName: checkName(value) });
  }

  /** Attribute bits, as an unsigned 64-bit value. */
  setAttributes(number: number, value: bigint): void {
    this.entry(number);
    this.#store(number, { attributes: BigInt.asUintN(64, value) });
  }

  /** Move the backup to the end of the device, so that space behind it can be used (`sgdisk -e`). */
  expand(): void {
    const last = this.#sectors - 1;
    this.#header.alternateLba = BigInt(last);
    this.#header.lastUsableLba = BigInt(last - this.#span - 1);
  }

  /** Write the backup, then the primary, then the protective MBR, so that a good copy is there at every moment. */
  async write(): Promise<void> {
    const { sectorSize: unit } = this;
    const alternate = Number(this.#header.alternateLba);
    const backupEntries = alternate - this.#span;
    const array = new Uint8Array(alignUp(this.#entries.length, unit));
    array.set(this.#entries);
    await this.#device.write(backupEntries * unit, array);
    await this.#device.write(alternate * unit, this.#encodeHeader(alternate, GPT_PRIMARY_LBA, backupEntries));
    await this.#device.write(this.#entriesLba * unit, array);
    await this.#device.write(GPT_PRIMARY_LBA * unit, this.#encodeHeader(GPT_PRIMARY_LBA, alternate, this.#entriesLba));
    const boot = await this.#device.read(0, MBR_SIZE);
    await this.#device.write(0, protectiveMbr(boot, this.#sectors));
    await this.#device.flush();
  }

  get #sectors(): number {
    return Math.floor(this.#device.size / this.sectorSize);
  }

  /** Sectors of one array of entries. */
  get #span(): number {
    return sectorsFor(this.#entries.length, this.sectorSize);
  }

  #encodeHeader(myLba: number, alternateLba: number, entriesLba: number): Uint8Array {
    const sector = new Uint8Array(this.sectorSize);
    const header: GptHeader = {
      ...this.#header,
      headerSize: GPT_HEADER_SIZE,
      headerCrc32: 0,
      myLba: BigInt(myLba),
      alternateLba: BigInt(alternateLba),
      partitionEntryLba: BigInt(entriesLba),
      partitionEntryArrayCrc32: crc32(this.#entries),
    };
    GptHeader.encodeInto(header, sector);
    GptHeader.encodeInto({ headerCrc32: crc32(sector.subarray(0, GPT_HEADER_SIZE)) }, sector);
    return sector;
  }

  #store(number: number, fields: Partial<GptPartitionEntry>): void {
    GptPartitionEntry.encodeInto(fields, this.#entries, (number - 1) * this.#header.sizeOfPartitionEntry);
  }

  #checkSpan(start: number, end: number, except?: number): void {
    const first = Number(this.#header.firstUsableLba);
    const last = Number(this.#header.lastUsableLba);
    if (!Number.isSafeInteger(start) || start < first || end > last || end < start) {
      throw new UsageError(`sectors ${start}..${end} are not within the usable sectors ${first}..${last}`);
    }
    for (const number of this.numbers) {
      const other = this.entry(number);
      if (number !== except && BigInt(start) <= other.endingLba && other.startingLba <= BigInt(end)) {
        throw new UsageError(`sectors ${start}..${end} overlap partition ${number}`);
      }
    }
  }

  /** A table whose parts collide must not be written back. */
  #checkLayout(): void {
    const alternate = Number(this.#header.alternateLba);
    const first = Number(this.#header.firstUsableLba);
    const last = Number(this.#header.lastUsableLba);
    const bad = (reason: string): CorruptImageError => new CorruptImageError({ structure: 'GptHeader', reason });
    if (!isPowerOfTwo(this.#header.sizeOfPartitionEntry)) throw bad('entry size is no power of two');
    if (alternate >= this.#sectors) {
      throw bad(`the backup belongs at sector ${alternate}, but the disk has only ${this.#sectors}`);
    }
    if (this.#entriesLba <= GPT_PRIMARY_LBA || this.#entriesLba + this.#span > first) {
      throw bad('the entries run into the usable sectors');
    }
    if (last >= alternate - this.#span) throw bad('the usable sectors run into the backup entries');
  }
}

function checkName(name: string): string {
  if (name.length <= GPT_NAME_UNITS) return name;
  throw new UsageError(`partition name is longer than ${GPT_NAME_UNITS} characters`, { argument: 'name' });
}
