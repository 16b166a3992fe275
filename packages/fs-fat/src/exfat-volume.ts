import { toSafeInteger } from '@vmcraft/core/binary';
import type { BlockDevice, FsOpenOptions } from '@vmcraft/core/contracts';
import { CapabilityError, CorruptImageError } from '@vmcraft/core/errors';
import { AllocationTable } from './allocation-table.js';
import { ClusterChain } from './cluster-chain.js';
import { type ExfatGeometry, readBootRegion } from './exfat-boot.js';
import { ENTRY_SIZE } from './layout.js';
import {
  BitmapEntry,
  EntryType,
  ExfatBootSector,
  LabelEntry,
  MAX_EXFAT_DIR_BYTES,
  MAX_LABEL_UNITS,
  MAX_UPCASE_BYTES,
  UpcaseEntry,
  VolumeFlag,
} from './layout-exfat.js';
import { MetadataCache } from './metadata-cache.js';
import { type ClusterRun, SpaceMap, type SpaceSource } from './space-map.js';
import { expandUpcase, recommendedUpcase, upcaseChecksum } from './upcase.js';
import { Volume, type VolumeLimits, type VolumeMarks } from './volume.js';

/** Primary entries of the root directory that describe the volume. Slots count entries of 32 bytes. */
export interface RootRecords {
  bitmap?: { flags: number; firstCluster: number; dataLength: number };
  upcase?: { checksum: number; firstCluster: number; dataLength: number };
  label?: { slot: number; text: string };
  guid?: { slot: number; bytes: Uint8Array };
}

/** An opened exFAT volume. */
export interface ExfatVolume {
  readonly volume: Volume;
  readonly geometry: ExfatGeometry;
  readonly upcase: Uint16Array;
  readonly records: RootRecords;
  readonly backup: boolean;
}

/** VolumeDirty and PercentInUse; both lie outside the boot checksum, and in the main boot region only. exFAT specification §3.1.13. */
class ExfatMarks implements VolumeMarks {
  readonly #device: BlockDevice;
  readonly #flags: number;

  constructor(device: BlockDevice, flags: number) {
    this.#device = device;
    this.#flags = flags;
  }

  async setDirty(): Promise<void> {
    await this.#put(this.#flags | VolumeFlag.dirty);
  }

  async setClean(volume: Volume): Promise<void> {
    const { clusterCount } = volume.geometry;
    const used = clusterCount - (await volume.countFree());
    const percent = Math.min(100, Math.floor((used * 100) / clusterCount));
    await this.#device.write(ExfatBootSector.offsetOf('percentInUse'), Uint8Array.of(percent));
    await this.#put(this.#flags);
  }

  async #put(flags: number): Promise<void> {
    await this.#device.write(ExfatBootSector.offsetOf('volumeFlags'), Uint8Array.of(flags & 0xff, flags >> 8));
  }
}

/** Free space as the allocation bitmap has it. exFAT specification §7.1.5. */
class BitmapSource implements SpaceSource {
  readonly #volume: () => Volume;
  readonly #chain: () => ClusterChain;

  constructor(volume: () => Volume, chain: () => ClusterChain) {
    this.#volume = volume;
    this.#chain = chain;
  }

  async load(first: number, count: number): Promise<Uint8Array> {
    const out = new Uint8Array(Math.ceil(count / 8));
    const start = (first - 2) / 8;
    for (let done = 0; done < out.length; ) {
      const span = await this.#span(start + done);
      const length = Math.min(span.length, out.length - done);
      out.set(await this.#volume().cache.scan(span.position, length), done);
      done += length;
    }
    return out;
  }

  async record(run: ClusterRun, used: boolean): Promise<void> {
    const first = run.cluster - 2;
    const end = first + run.count;
    for (let byte = first >> 3; byte <= (end - 1) >> 3; ) {
      const span = await this.#span(byte);
      const length = Math.min(span.length, ((end - 1) >> 3) - byte + 1, 65536);
      const bytes = (await this.#volume().cache.bytes(span.position, length)).slice();
      for (let i = Math.max(first, byte * 8); i < Math.min(end, (byte + length) * 8); i++) {
        const bit = 1 << (i & 7);
        if (used) bytes[(i >> 3) - byte]! |= bit;
        else bytes[(i >> 3) - byte]! &= ~bit;
      }
      await this.#volume().cache.modify(span.position, bytes, 'table');
      byte += length;
    }
  }

  async #span(byte: number): Promise<{ position: number; length: number }> {
    const { clusterSize } = this.#volume().geometry;
    const run = await this.#chain().runAt(Math.floor(byte / clusterSize));
    if (run === undefined) {
      throw new CorruptImageError({
        structure: 'exFAT allocation bitmap',
        reason: 'its cluster chain is shorter than its length',
        citation: 'exFAT specification §7.1',
      });
    }
    const within = byte % clusterSize;
    return { position: this.#volume().offsetOf(run.cluster) + within, length: run.count * clusterSize - within };
  }
}

/**
 * Open the volume on a device.
 * @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError, CapabilityError
 */
export async function openExfatVolume(
  device: BlockDevice,
  limits: VolumeLimits,
  options: FsOpenOptions,
): Promise<ExfatVolume> {
  const { geometry, backup } = await readBootRegion(device);
  if (backup && !options.readonly) {
    throw CapabilityError.readOnly('exFAT volume', 'its main boot region is broken; fsck.exfat can restore it');
  }
  if (backup) options.warn?.({ source: 'fs-fat', message: 'the main boot region is broken; the backup is used' });
  if ((geometry.flags & VolumeFlag.dirty) !== 0) {
    options.warn?.({ source: 'fs-fat', message: 'the volume was not cleanly unmounted' });
  }
  const { clusterCount, clusterSize, heapOffset } = geometry;
  const cache = new MetadataCache(device);
  const tableStart = geometry.fatOffset + geometry.active * geometry.fatSize;
  const table = new AllocationTable(cache, 'exfat', tableStart, clusterCount);
  const present = Math.max(0, Math.min(clusterCount, Math.floor((device.size - heapOffset) / clusterSize)));
  let bitmap: ClusterChain | undefined;
  const source = new BitmapSource(
    () => volume,
    () => bitmap!,
  );
  const volume: Volume = new Volume({
    geometry: { kind: 'exfat', clusterSize, clusterCount, heapOffset },
    cache,
    table,
    space: new SpaceMap(source, present),
    limits,
    marks: new ExfatMarks(device, geometry.flags),
    warn: options.warn,
  });
  const records = await readRootRecords(volume, geometry);
  bitmap = bitmapChain(volume, records, clusterCount);
  return { volume, geometry, upcase: await loadUpcase(volume, records, options), records, backup };
}

function bitmapChain(volume: Volume, records: RootRecords, clusterCount: number): ClusterChain {
  const { bitmap } = records;
  if (bitmap === undefined || bitmap.dataLength < Math.ceil(clusterCount / 8)) {
    throw new CorruptImageError({
      structure: 'exFAT root directory',
      reason: bitmap === undefined ? 'there is no allocation bitmap' : 'the allocation bitmap is too short',
      citation: 'exFAT specification §7.1',
    });
  }
  return new ClusterChain(volume, bitmap.firstCluster);
}

/** Find the entries of the root directory that are about the volume. */
export async function readRootRecords(volume: Volume, geometry: ExfatGeometry): Promise<RootRecords> {
  const records: RootRecords = {};
  const chain = new ClusterChain(volume, geometry.rootCluster);
  const { clusterSize } = volume.geometry;
  const max = Math.ceil(MAX_EXFAT_DIR_BYTES / clusterSize);
  for (let index = 0; index < max; index++) {
    const run = await chain.runAt(index);
    if (run === undefined) break;
    for (let part = 0; part < clusterSize; part += 65536) {
      const length = Math.min(clusterSize - part, 65536);
      const data = await volume.cache.bytes(volume.offsetOf(run.cluster) + part, length);
      if (!takeRecords(data, (index * clusterSize + part) / ENTRY_SIZE, geometry.active, records)) return records;
    }
  }
  return records;
}

function takeRecords(data: Uint8Array, first: number, active: number, records: RootRecords): boolean {
  for (let at = 0; at < data.length; at += ENTRY_SIZE) {
    const slot = first + at / ENTRY_SIZE;
    const type = data[at];
    if (type === EntryType.end) return false;
    if (type === EntryType.bitmap) {
      const entry = BitmapEntry.decode(data, at);
      if ((entry.flags & 1) === active)
        records.bitmap = { ...entry, dataLength: toSafeInteger(entry.dataLength, 'bitmap') };
    } else if (type === EntryType.upcase) {
      const entry = UpcaseEntry.decode(data, at);
      records.upcase ??= { ...entry, dataLength: toSafeInteger(entry.dataLength, 'up-case table') };
    } else if (type === EntryType.label) {
      const entry = LabelEntry.decode(data, at);
      const count = Math.min(entry.characterCount, MAX_LABEL_UNITS);
      records.label ??= { slot, text: String.fromCharCode(...entry.label.slice(0, count)).replace(/\0.*$/s, '') };
    } else if (type === EntryType.guid) {
      records.guid ??= { slot, bytes: data.slice(at, at + ENTRY_SIZE) };
    }
  }
  return true;
}

async function loadUpcase(volume: Volume, records: RootRecords, options: FsOpenOptions): Promise<Uint16Array> {
  const problem = (reason: string): CorruptImageError =>
    new CorruptImageError({ structure: 'exFAT up-case table', reason, citation: 'exFAT specification §7.2' });
  const { upcase } = records;
  let fault: CorruptImageError;
  if (upcase === undefined) fault = problem('there is none');
  else if (upcase.dataLength > MAX_UPCASE_BYTES) fault = problem(`its length is ${upcase.dataLength} bytes`);
  else {
    const data = await readChain(volume, upcase.firstCluster, upcase.dataLength);
    if (data !== undefined && upcaseChecksum(data) === upcase.checksum) return expandUpcase(data);
    fault = problem(data === undefined ? 'its cluster chain is too short' : 'its checksum does not fit');
  }
  // Hashes of new names would depend on a table that is not known; comparing names for reading can do with the usual one.
  if (!options.readonly) throw fault;
  options.warn?.({ source: 'fs-fat', message: `${fault.message}; the usual one is used` });
  return recommendedUpcase();
}

/** `length` bytes of a chain, or undefined when it is shorter. */
async function readChain(volume: Volume, first: number, length: number): Promise<Uint8Array | undefined> {
  const { clusterSize } = volume.geometry;
  const chain = new ClusterChain(volume, first);
  const out = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const run = await chain.runAt(done / clusterSize);
    if (run === undefined) return undefined;
    const part = Math.min(run.count * clusterSize, length - done);
    out.set(await volume.device.read(volume.offsetOf(run.cluster), part), done);
    done += part;
  }
  return out;
}
