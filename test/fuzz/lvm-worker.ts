import { type BlockDevice, checkSpan, isVmcraftError, SliceDevice } from '@vmcraft/core';
import { crc32, crc32cRaw, viewOf } from '@vmcraft/core/binary';
import { StorageTree } from '@vmcraft/core/storage';
import { lvmActivator } from '@vmcraft/storage-lvm';
import { PAGE, type SampleMap } from './lvm-corpus.js';
import type { PatchedBytes } from './mutate.js';
import { mutateSample } from './mutation-loop.js';
import { PatchedDevice } from './patched.js';

const SECTOR = 512;
const BLOCK = 4096;
const MDA = 4096;
const READ = 96 * 1024;
/** What device mapper's metadata blocks mix into their checksums, by kind. */
const KINDS = new Set([160774, 9031977, 121107, 595846735, 240779, 160478]);
/** Kind of each metadata block that was ever seen whole, by its place in the sample. */
const kinds = new Map<number, number>();

const lvmChecksum = (data: Uint8Array): number => ~crc32(data, ~0xf597a6cf >>> 0) >>> 0;

/** A disk whose checksums are made right when they are read, so that what they cover is believed. */
class ResealedDevice extends SliceDevice {
  constructor(
    private readonly all: BlockDevice,
    private readonly start: number,
    length: number,
  ) {
    super(all, start, length);
  }

  override async read(offset: number, length: number): Promise<Uint8Array> {
    checkSpan('resealed', this.size, offset, length);
    const data = await this.all.read(this.start + offset, length);
    if (offset === 0 && length === 4 * SECTOR) sealLabel(data);
    else if (offset === MDA && length === SECTOR) await this.#sealHeader(data);
    else if (length === BLOCK && offset % SECTOR === 0) sealBlock(data, this.start + offset);
    return data;
  }

  async #sealHeader(data: Uint8Array): Promise<void> {
    const view = viewOf(data);
    const size = Number(view.getBigUint64(32, true));
    const at = Number(view.getBigUint64(40, true));
    const length = Number(view.getBigUint64(48, true));
    if (length < 1 << 16 && at >= SECTOR && at < size && size <= 1 << 20 && length < size) {
      const first = Math.min(length, size - at);
      const parts = [await this.all.read(this.start + MDA + at, first)];
      if (first < length) parts.push(await this.all.read(this.start + MDA + SECTOR, length - first));
      view.setUint32(56, lvmChecksum(Uint8Array.from(parts.flatMap((part) => [...part]))), true);
    }
    view.setUint32(0, lvmChecksum(data.subarray(4)), true);
  }
}

function sealLabel(data: Uint8Array): void {
  for (let at = 0; at < data.length; at += SECTOR) {
    viewOf(data).setUint32(at + 16, lvmChecksum(data.subarray(at + 20, at + SECTOR)), true);
  }
}

function sealBlock(data: Uint8Array, place: number): void {
  const view = viewOf(data);
  const sum = crc32cRaw(0xffffffff, data.subarray(4));
  const kind = (view.getUint32(0, true) ^ sum) >>> 0;
  if (KINDS.has(kind)) kinds.set(place, kind);
  const known = kinds.get(place);
  if (known !== undefined) view.setUint32(0, (sum ^ known) >>> 0, true);
}

/** The disks that a sample stands for, one behind the other. */
class SampleDevice implements BlockDevice {
  readonly sectorSize = 512;
  readonly writable = true;
  readonly size: number;
  readonly #places: Map<number, number>;
  readonly #written = new Map<number, Uint8Array>();

  constructor(
    private readonly data: PatchedDevice,
    { disks, pages }: SampleMap,
  ) {
    this.size = disks.reduce((sum, size) => sum + size, 0);
    this.#places = new Map(pages.map((page, i) => [page, i * PAGE]));
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkSpan('sample', this.size, offset, length);
    const out = new Uint8Array(length);
    for (const { page, within, at, run } of runsOf(offset, length)) {
      const place = this.#places.get(page);
      if (place !== undefined) out.set(await this.data.read(place + within, run), at);
      else out.set(this.#written.get(page)?.subarray(within, within + run) ?? [], at);
    }
    return out;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    for (const { page, within, at, run } of runsOf(offset, bytes.length)) {
      const part = bytes.subarray(at, at + run);
      const place = this.#places.get(page);
      if (place !== undefined) {
        await this.data.write(place + within, part);
        continue;
      }
      const held = this.#written.get(page) ?? new Uint8Array(PAGE);
      held.set(part, within);
      this.#written.set(page, held);
    }
  }

  async flush(): Promise<void> {}
  async close(): Promise<void> {}
}

function* runsOf(offset: number, length: number): Generator<{ page: number; within: number; at: number; run: number }> {
  for (let at = 0; at < length; ) {
    const within = (offset + at) % PAGE;
    const run = Math.min(PAGE - within, length - at);
    yield { page: (offset + at - within) / PAGE, within, at, run };
    at += run;
  }
}

function disksOf(data: PatchedBytes, kind: string, format: string): BlockDevice[] {
  const map = JSON.parse(format) as SampleMap;
  const all = new SampleDevice(new PatchedDevice(data), map);
  let start = 0;
  return map.disks.map((length) => {
    const from = start;
    start += length;
    return kind === 'resealed' ? new ResealedDevice(all, from, length) : new SliceDevice(all, from, length);
  });
}

/** Errors of ours are as good as values; one broken volume does not keep others from being used. */
async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!isVmcraftError(error) || error.code === 'VMC_BUG') throw error;
    return false;
  }
}

await mutateSample(async (kind, data, format, write) => {
  const disks = disksOf(data, kind, format).map((device) => ({ device }));
  const failures: unknown[] = [];
  const tree = await StorageTree.discover(disks, {
    activators: [lvmActivator],
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
