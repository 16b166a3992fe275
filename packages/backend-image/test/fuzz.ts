import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BlockDevice, hasSparseMap, isDiscardable, isVmcraftError } from '@vmcraft/core';
import { imageBackend } from '../src/index.js';
import { MemoryFiles } from './memory-files.js';
import { patchwork, randomSource, tool } from './oracle.js';

/** A sound image to break. */
export interface ImageSeed {
  readonly name: string;
  readonly format: string;
  readonly bytes: Uint8Array;
  /** Files that it names, by base name. */
  readonly others?: ReadonlyMap<string, Uint8Array>;
}

const SIZE = 700 * 1024;

/** Small sound images of every format that qemu-img writes. */
export async function imageSeeds(folder: string): Promise<ImageSeed[]> {
  const raw = join(folder, 'seed.raw');
  writeFileSync(raw, patchwork(SIZE, 71));
  const seeds: ImageSeed[] = [];
  const variants: [string, string[]][] = [
    ['qcow2', ['-o', 'cluster_size=4k']],
    ['qcow2', ['-o', 'cluster_size=512,refcount_bits=1']],
    ['qcow2', ['-c', '-o', 'cluster_size=4k']],
    ['qcow2', ['-c', '-o', 'compression_type=zstd,cluster_size=16k,extended_l2=on']],
    ['qcow2', ['-o', 'extended_l2=on,cluster_size=16k,lazy_refcounts=on']],
    ['vmdk', []],
    ['vmdk', ['-o', 'subformat=streamOptimized']],
    ['vmdk', ['-o', 'subformat=monolithicFlat']],
    ['vpc', []],
    ['vpc', ['-o', 'subformat=fixed']],
    ['vhdx', ['-o', 'block_size=1M,log_size=1M']],
    ['vdi', []],
  ];
  for (const [format, options] of variants) {
    const image = join(folder, `seed.${format}`);
    await tool('qemu-img', 'convert', '-f', 'raw', '-O', format, ...options, raw, image);
    const others = options.includes('subformat=monolithicFlat')
      ? new Map([['seed-flat.vmdk', new Uint8Array(readFileSync(join(folder, 'seed-flat.vmdk')))]])
      : undefined;
    if (format === 'qcow2' && options.join().includes('refcount_bits') === false) {
      await tool('qemu-img', 'snapshot', '-c', 'snap', image);
      await tool('qemu-io', '-c', 'write -P 3 10k 9k', image);
    }
    const bytes = new Uint8Array(readFileSync(image));
    seeds.push({ name: `${format} ${options.join(' ')}`, format, bytes, ...(others === undefined ? {} : { others }) });
  }
  return seeds;
}

const EXTREMES = [0, 1, 2, 0x7f, 0xff, 0x7fffffff, 0x80000000, 0xffffffff, 0x10000, 0x40000000];

/** A broken copy of an image; the same for the same seed. */
export function mutate(source: Uint8Array, seed: number): Uint8Array {
  const random = randomSource(seed);
  const bytes = source.slice();
  const view = new DataView(bytes.buffer);
  // Half of the damage goes to where headers are.
  const place = (width: number): number => {
    const near = [512, 4096, 65536][random() % 3] as number;
    const span = random() % 2 === 0 ? Math.min(near, bytes.length) : bytes.length;
    return random() % Math.max(1, span - width);
  };
  const count = 1 + (random() % 6);
  for (let i = 0; i < count; i++) {
    const kind = random() % 8;
    if (kind < 3) bytes[place(1)]! ^= 1 << (random() % 8);
    else if (kind < 5) view.setUint32(place(4) & ~3, EXTREMES[random() % EXTREMES.length]!, random() % 2 === 0);
    else if (kind === 5)
      view.setBigUint64(place(8) & ~7, BigInt(EXTREMES[random() % EXTREMES.length]!) << BigInt(random() % 40));
    else if (kind === 6)
      bytes.copyWithin(place(512) & ~7, place(512) & ~7, (place(512) & ~7) + 8 * (1 + (random() % 64)));
    else if (i === 0) return bytes.slice(0, random() % bytes.length);
  }
  return bytes;
}

/**
 * Open a broken image and use it, for reading and for writing. Errors of ours are outcomes; any other error is thrown.
 * @returns the code of the error, or `ok`
 */
export async function exercise(seed: ImageSeed, bytes: Uint8Array): Promise<string> {
  const reading = await attempt(seed, bytes, true);
  const writing = seed.format === 'qcow2' ? await attempt(seed, bytes, false) : 'ok';
  return reading === 'ok' ? writing : reading;
}

async function attempt(seed: ImageSeed, bytes: Uint8Array, readonly: boolean): Promise<string> {
  const files = new MemoryFiles();
  files.put('image', readonly ? bytes : bytes.slice());
  for (const [name, other] of seed.others ?? []) files.put(name, other);
  const context = { files, warn: () => {} };
  try {
    await imageBackend.probe({ path: 'image', readonly: true }, context);
    const session = await imageBackend.open({ path: 'image', format: seed.format, readonly }, context);
    try {
      await useDevice(session.device);
    } finally {
      await session.close();
    }
    return 'ok';
  } catch (error) {
    if (isVmcraftError(error) && error.code !== 'VMC_BUG') return error.code;
    throw error;
  }
}

async function useDevice(device: BlockDevice): Promise<void> {
  const last = Math.max(0, device.size - 65536);
  for (const offset of new Set([0, 4096, Math.floor(device.size / 2), last])) {
    const length = Math.min(65536, device.size - offset);
    if (length <= 0) continue;
    const data = await device.read(offset, length);
    if (data.length !== length) throw new Error(`${data.length} bytes read, ${length} wanted`);
  }
  if (hasSparseMap(device)) {
    let end = 0;
    let count = 0;
    for await (const extent of device.extents(0, device.size)) {
      if (extent.offset !== end || extent.length <= 0) throw new Error(`extent at ${extent.offset}, expected ${end}`);
      end += extent.length;
      if (++count > 5000) break;
    }
  }
  if (!device.writable || device.size < 200_000) return;
  const data = patchwork(100_000, 5);
  await device.write(1000, data);
  if (isDiscardable(device)) await device.discard(50_000, 30_000);
  await device.flush();
  const again = await device.read(1000, 1000);
  for (let i = 0; i < 1000; i++) if (again[i] !== data[i]) throw new Error(`byte ${i} is not what was written`);
}
