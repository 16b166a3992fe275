import { alignUp } from '../binary/index.js';
import type { BlockDevice } from '../contracts/index.js';
import { UsageError } from '../errors/index.js';
import {
  editPartitionTable,
  GptEditor,
  GUID_TYPE,
  initPartitionTable,
  MbrEditor,
  type PartitionTableEditor,
  readPartitionTable,
} from '../partition/index.js';
import type { ScriptLine, SfdiskScript } from './sfdisk-script.js';

/** Partitions begin at whole MiB unless told otherwise. */
const GRAIN = 1 << 20;
/** sfdisk numbers the partitions of an MBR: four of the table, then logical ones. */
const PRIMARIES = 4;
const EXTENDED_TYPES = new Set([0x05, 0x0f, 0x85]);
/** A GPT keeps its second copy in the last sectors: a header and 16 KiB of entries. */
const GPT_COPY_BYTES = 16 * 1024;

interface Placed {
  readonly start: number;
  readonly end: number;
}

/** Puts the lines of a script onto a disk, one after the other. Places are sectors. */
class Layout {
  readonly #sectorSize: number;
  readonly #last: number;
  readonly #taken: Placed[] = [];
  #extended: Placed | undefined;
  #primaries = 0;

  constructor(
    private readonly table: PartitionTableEditor,
    device: BlockDevice,
  ) {
    this.#sectorSize = device.sectorSize;
    const reserved = table.type === 'gpt' ? GPT_COPY_BYTES / device.sectorSize + 1 : 0;
    this.#last = Math.floor(device.size / device.sectorSize) - 1 - reserved;
  }

  add(line: ScriptLine): void {
    const isLogical = this.table.type === 'msdos' && this.#primaries === PRIMARIES;
    const isExtended = typeof line.type === 'number' && EXTENDED_TYPES.has(line.type);
    if (isLogical && this.#extended === undefined) throw new UsageError('all four primary partitions are in use');
    const place = this.#place(line, isLogical);
    const number = this.table.add({ ...place, ...this.#attributes(line, isLogical, isExtended) });
    if (line.bootable === true) this.table.setBootable(number, true);
    if (!isLogical) this.#primaries += 1;
    if (isExtended) this.#extended = place;
    else this.#taken.push(place);
  }

  /** The first free place at a whole MiB. A logical partition has its record in a sector before it. */
  #firstFree(isLogical: boolean): number {
    const grain = GRAIN / this.#sectorSize;
    const record = isLogical ? 1 : 0;
    let start = isLogical ? alignUp(this.#extended!.start + record, grain) : grain;
    const taken = this.#extended === undefined || isLogical ? this.#taken : [...this.#taken, this.#extended];
    for (const { start: first, end } of [...taken].sort((a, b) => a.start - b.start)) {
      if (start >= first && start <= end + record) start = alignUp(end + 1 + record, grain);
    }
    return start;
  }

  #place(line: ScriptLine, isLogical: boolean): Placed {
    const start = line.start ?? this.#firstFree(isLogical);
    const limit = isLogical ? this.#extended!.end : this.#last;
    const following = this.#taken.filter((p) => p.start > start).map((p) => p.start - 1);
    const end = line.size === undefined ? Math.min(limit, ...following) : start + line.size - 1;
    if (end < start) throw new UsageError(`there is no room for a partition from sector ${start} on`);
    return { start, end };
  }

  #attributes(line: ScriptLine, isLogical: boolean, isExtended: boolean) {
    if (this.table.type === 'gpt') {
      return { name: line.name ?? '', typeGuid: typeof line.type === 'string' ? line.type : GUID_TYPE.linuxData };
    }
    if (typeof line.type === 'string') throw new UsageError('an MBR has type bytes, no GUIDs', { argument: 'lines' });
    const kind = isLogical ? ('logical' as const) : isExtended ? ('extended' as const) : ('primary' as const);
    return { kind, ...(line.type === undefined ? {} : { mbrId: line.type }) };
  }
}

/** Replace the partition table of a disk by what a script says. Nothing is written when a line does not fit. */
export async function applyScript(device: BlockDevice, script: SfdiskScript): Promise<void> {
  const fill = (table: PartitionTableEditor): void => {
    const layout = new Layout(table, device);
    for (const line of script.lines) layout.add(line);
  };
  // In memory first: a line that does not fit must not cost the old table.
  fill(script.label === 'gpt' ? GptEditor.create(device) : MbrEditor.create(device));
  await initPartitionTable(device, script.label === 'gpt' ? 'gpt' : 'msdos');
  await editPartitionTable(device, fill);
}

/** Change, or add, the one partition with a number (`sfdisk -N`). */
export async function applyLine(device: BlockDevice, number: number, line: ScriptLine): Promise<void> {
  const old = (await readPartitionTable(device))?.partitions.find((p) => p.number === number);
  await editPartitionTable(device, (table) => {
    const unit = device.sectorSize;
    const start = line.start ?? (old === undefined ? GRAIN / unit : old.start / unit);
    const size = line.size ?? (old === undefined ? undefined : old.size / unit);
    const end = size === undefined ? -1 : start + size - 1;
    if (old !== undefined && start === old.start / unit) table.resize(number, end);
    else {
      if (old !== undefined) table.delete(number);
      const made = table.add({ start, end });
      if (made !== number) throw new UsageError(`partition ${number} cannot be made before partition ${made}`);
    }
    setAttributes(table, number, line);
  });
}

function setAttributes(table: PartitionTableEditor, number: number, line: ScriptLine): void {
  if (table.type === 'gpt' && typeof line.type === 'string') table.setTypeGuid(number, line.type);
  if (table.type === 'msdos' && typeof line.type === 'number') table.setMbrId(number, line.type);
  if (table.type === 'gpt' && line.name !== undefined) table.setName(number, line.name);
  if (line.bootable !== undefined) table.setBootable(number, line.bootable);
}

/** Cylinders, heads and sectors per track. */
export interface Geometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
}

const MOST = { cylinders: 1024, heads: 255, sectors: 62 } as const;

/** The geometry that SCSI disks are given: SCSI-2 Common Access Method, annex C. */
export function scsiGeometry(capacity: number): Geometry {
  let cylinders: number = MOST.cylinders;
  let sectors: number = MOST.sectors;
  const heads = Math.ceil(capacity / (cylinders * sectors));
  if (capacity % (cylinders * sectors) !== 0) {
    sectors = Math.ceil(capacity / (cylinders * heads));
    if (capacity % (cylinders * heads) !== 0) cylinders = Math.floor(capacity / (heads * sectors));
  }
  if (capacity > 0 && heads <= MOST.heads && cylinders > 0) return { cylinders, heads, sectors };
  const large = { heads: MOST.heads, sectors: 63 };
  return { cylinders: Math.floor(capacity / (large.heads * large.sectors)), ...large };
}

/** `/dev/sda: 1024 cylinders, 4 heads, 50 sectors/track`. */
export function formatGeometry(name: string, { cylinders, heads, sectors }: Geometry): string {
  return `${name}: ${cylinders} cylinders, ${heads} heads, ${sectors} sectors/track\n`;
}

/** The geometry of a disk: units of 512 bytes, whatever its sectors are. */
export function geometryOf(device: BlockDevice): Geometry {
  return scsiGeometry(Math.floor(device.size / 512));
}
