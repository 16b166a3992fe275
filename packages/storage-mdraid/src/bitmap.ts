import { equalBytes, isPowerOfTwo, toSafeInteger } from '@vmcraft/core/binary';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { BITMAP_MAGIC, BitmapSuperblock, SECTOR } from './layout.js';
import type { MdDevice } from './superblock.js';

/** Versions: 3 in the order of the host that made it, 4 little-endian; others belong to clusters. */
const VERSIONS = [3, 4];
/** Bytes of bits that are changed at a time. */
const WINDOW = 4096;

/** The write-intent bitmap of an array, of which every member holds a copy. */
export class Bitmap {
  readonly #devices: readonly MdDevice[];
  readonly #chunkSize: number;
  readonly #bits: number;
  /** Bits that were set since the bitmap was opened. */
  readonly #known = new Set<number>();

  private constructor(devices: readonly MdDevice[], chunkSize: number, bits: number) {
    this.#devices = devices;
    this.#chunkSize = chunkSize;
    this.#bits = bits;
  }

  /**
   * @param devices members, each with a copy
   * @throws CorruptImageError when a copy is not the array's; UnsupportedFeatureError for those of clusters
   */
  static async open(devices: readonly MdDevice[]): Promise<Bitmap> {
    let shape: { readonly chunkSize: number; readonly bits: number } | undefined;
    for (const device of devices) {
      const found = await readShape(device);
      if (shape !== undefined && (shape.chunkSize !== found.chunkSize || shape.bits !== found.bits)) {
        throw corrupt('chunksize', 'members have bitmaps of different shapes');
      }
      shape = found;
    }
    return new Bitmap(devices, shape!.chunkSize, shape!.bits);
  }

  /** Tell all copies of the event that their superblocks are at. */
  async setEvents(events: bigint): Promise<void> {
    for (const { device, superblock } of this.#devices) {
      const at = superblock.bitmapOffset!;
      const header = (await device.read(at, BitmapSuperblock.size)).slice();
      BitmapSuperblock.encodeInto({ events }, header);
      await device.write(at, header);
    }
  }

  /** Set the bits of a range that is about to differ from members that are missing. */
  async mark(offset: number, length: number): Promise<void> {
    const first = Math.floor(offset / this.#chunkSize);
    const last = Math.min(this.#bits - 1, Math.floor((offset + length - 1) / this.#chunkSize));
    for (let bit = first; bit <= last; ) {
      const end = Math.min(last + 1, (Math.floor(bit / (WINDOW * 8)) + 1) * WINDOW * 8);
      await this.#setBits(bit, end);
      bit = end;
    }
  }

  /** Set bits that lie in one window. */
  async #setBits(first: number, end: number): Promise<void> {
    const wanted: number[] = [];
    for (let bit = first; bit < end; bit++) if (!this.#known.has(bit)) wanted.push(bit);
    if (wanted.length === 0) return;
    const start = wanted[0]! >>> 3;
    const size = (wanted.at(-1)! >>> 3) - start + 1;
    for (const { device, superblock } of this.#devices) {
      const at = superblock.bitmapOffset! + BitmapSuperblock.size + start;
      const bytes = (await device.read(at, size)).slice();
      for (const bit of wanted) bytes[(bit >>> 3) - start]! |= 1 << (bit & 7);
      await device.write(at, bytes);
    }
    for (const bit of wanted) this.#known.add(bit);
  }
}

function corrupt(field: string, reason: string): CorruptImageError {
  return new CorruptImageError({ structure: BitmapSuperblock.name, field, reason });
}

async function readShape({ device, superblock }: MdDevice): Promise<{ chunkSize: number; bits: number }> {
  const at = superblock.bitmapOffset;
  if (at === undefined || at < 0 || at + BitmapSuperblock.size > device.size) {
    throw corrupt('offset', `a bitmap at byte ${at} does not lie on the device`);
  }
  const header = BitmapSuperblock.decode(await device.read(at, BitmapSuperblock.size), 0, at);
  if (header.magic !== BITMAP_MAGIC) throw corrupt('magic', `found 0x${header.magic.toString(16)}`);
  if (!VERSIONS.includes(header.version) || header.nodes > 1) {
    throw new UnsupportedFeatureError({ feature: `a write-intent bitmap of version ${header.version}` });
  }
  if (!equalBytes(header.uuid, superblock.rawUuid)) throw corrupt('uuid', 'it belongs to another array');
  if (header.chunkSize < SECTOR || !isPowerOfTwo(header.chunkSize)) {
    throw corrupt('chunksize', `${header.chunkSize} bytes`);
  }
  const size = toSafeInteger(header.syncSize, 'bitmap_super_s.sync_size') * SECTOR;
  const bits = Math.ceil(size / header.chunkSize);
  if (!Number.isSafeInteger(size) || at + BitmapSuperblock.size + Math.ceil(bits / 8) > device.size) {
    throw corrupt('sync_size', `${bits} bits do not fit on the device`);
  }
  return { chunkSize: header.chunkSize, bits };
}
