import { readFileSync } from 'node:fs';
import { type BlockDevice, checkSpan, isVmcraftError, SliceDevice } from '@vmcraft/core';
import { crc32cRaw } from '@vmcraft/core/binary';
import { StorageTree } from '@vmcraft/core/storage';
import { mdActivator } from '@vmcraft/storage-mdraid';
import type { SampleMap } from './mdraid-corpus.js';
import type { PatchedBytes } from './mutate.js';
import { mutateSample } from './mutation-loop.js';

const MAGIC = 0xa92b4efc;
const JOURNAL_MAGIC = 0x6433c509;
const READ = 96 * 1024;

/** A member whose superblocks have right checksums when they are read, after a mutation that is made within them. */
class ResealedDevice extends SliceDevice {
  override async read(offset: number, length: number): Promise<Uint8Array> {
    const data = (await super.read(offset, length)).slice();
    if (length < 256 || length > 4096) return data;
    const view = new DataView(data.buffer);
    if (view.getUint32(0, true) === JOURNAL_MAGIC && length === 4096) return this.#resealJournal(data, view);
    if (view.getUint32(0, true) !== MAGIC) return data;
    const isFirst = view.getUint32(4, true) !== 0;
    const at = isFirst ? 216 : 152;
    const end = isFirst ? 256 + Math.min(view.getUint32(220, true), 1920) * 2 : 4096;
    if (end > data.length) return data;
    view.setUint32(at, 0, true);
    let sum = 0;
    for (let i = 0; i + 4 <= end; i += 4) sum += view.getUint32(i, true);
    if (end % 4 === 2) sum += view.getUint16(end - 2, true);
    view.setUint32(at, ((sum % 2 ** 32) + Math.floor(sum / 2 ** 32)) >>> 0, true);
    return data;
  }

  /** A block of a write journal: its checksum begins with the array's UUID. */
  async #resealJournal(data: Uint8Array, view: DataView): Promise<Uint8Array> {
    const seed = crc32cRaw(0xffffffff, await super.read(4096 + 16, 16));
    view.setUint32(4, 0, true);
    view.setUint32(4, crc32cRaw(seed, data) >>> 0, true);
    return data;
  }
}

const bases = new Map<string, Uint8Array>();

/** Disks that are as they were but for the windows of a sample. */
class SampleDevice implements BlockDevice {
  readonly sectorSize = 512;
  readonly writable = true;
  readonly size: number;
  #bytes: Uint8Array;
  #isOwn = false;

  constructor(
    private readonly sample: PatchedBytes,
    private readonly map: SampleMap,
  ) {
    const base = bases.get(map.base) ?? new Uint8Array(readFileSync(map.base));
    bases.set(map.base, base);
    this.#bytes = base;
    this.size = base.length;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkSpan('sample', this.size, offset, length);
    const out = this.#bytes.slice(offset, offset + length);
    if (this.#isOwn) return out;
    for (const { place, from, end } of this.#overlaps(offset, length)) {
      out.set(this.sample.read(place, Math.max(0, Math.min(end - from, this.sample.size - place))), from - offset);
    }
    return out;
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    checkSpan('sample', this.size, offset, data.length);
    if (!this.#isOwn) {
      this.#bytes = await this.read(0, this.size);
      this.#isOwn = true;
    }
    this.#bytes.set(data, offset);
  }

  *#overlaps(offset: number, length: number): Generator<{ place: number; from: number; end: number }> {
    let place = 0;
    for (const [at, size] of this.map.windows) {
      const from = Math.max(offset, at);
      const end = Math.min(offset + length, at + size);
      if (from < end) yield { place: place + from - at, from, end };
      place += size;
    }
  }

  async flush(): Promise<void> {}
  async close(): Promise<void> {}
}

async function attempt(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isVmcraftError(error) || error.code === 'VMC_BUG') throw error;
  }
}

await mutateSample(async (kind, data, format, write) => {
  const map = JSON.parse(format) as SampleMap;
  const all = new SampleDevice(data, map);
  let start = 0;
  const disks = map.disks.map((length): { device: BlockDevice } => {
    const from = start;
    start += length;
    return { device: kind === 'resealed' ? new ResealedDevice(all, from, length) : new SliceDevice(all, from, length) };
  });
  const failures: unknown[] = [];
  const tree = await StorageTree.discover(disks, {
    activators: [mdActivator],
    // Errors of the code itself must not hide among warnings.
    warn: ({ cause }) => {
      if (cause !== undefined && !(isVmcraftError(cause) && cause.code !== 'VMC_BUG')) failures.push(cause);
    },
  });
  if (failures.length > 0) throw failures[0];
  for (const { kind: what, device } of tree.devices) {
    if (what !== 'volume') continue;
    await attempt(() => device.read(0, Math.min(READ, device.size)));
    await attempt(() => device.read(Math.max(0, device.size - 5000), Math.min(5000, device.size)));
    if (!write || !device.writable) continue;
    const at = Math.floor(device.size / 3);
    await attempt(() => device.write(at, new Uint8Array(Math.min(70_000, device.size - at)).fill(5)));
  }
});
