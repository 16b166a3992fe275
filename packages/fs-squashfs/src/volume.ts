import { isPowerOfTwo, toSafeInteger, viewOf } from '@vmcraft/core/binary';
import type { BlockCodecs, BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, TruncatedImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { BlockCache } from './block-cache.js';
import { type Unpack, unpackerFor } from './compressor.js';
import {
  DATA_SIZE_MASK,
  DATA_UNPACKED,
  METADATA_SIZE,
  METADATA_UNPACKED,
  SQUASHFS_MAGIC,
  Superblock,
} from './layout.js';

/** Unpacked metadata blocks and data blocks that are held: 4 MiB, and 4 of the largest data blocks. */
const METADATA_BLOCKS = 512;
const DATA_BYTES = 4 << 20;
/** Bytes of a metadata block's header. */
const HEADER = 2;

/** A place in a metadata table: which block, by its position on the device, and where in its unpacked bytes. */
export interface Position {
  readonly block: number;
  readonly offset: number;
}

/** Bytes read, and where they end. */
export interface MetadataSpan {
  readonly data: Uint8Array;
  readonly next: Position;
}

/** The superblock, or undefined when the device holds no Squashfs 4. */
export async function readSuperblock(device: BlockDevice): Promise<ReturnType<typeof Superblock.decode> | undefined> {
  if (device.size < Superblock.size) return undefined;
  const superblock = Superblock.decode(await device.read(0, Superblock.size));
  return superblock.magic === SQUASHFS_MAGIC ? superblock : undefined;
}

/** The blocks of a Squashfs: finds, unpacks and keeps them. */
export class Volume {
  readonly #metadata = new BlockCache(METADATA_BLOCKS);
  readonly #data: BlockCache;
  /** Packed size of each metadata block that was read, header included, by its position. */
  readonly #packedSizes = new Map<number, number>();

  private constructor(
    private readonly device: BlockDevice,
    readonly superblock: ReturnType<typeof Superblock.decode>,
    private readonly unpack: Unpack,
  ) {
    this.#data = new BlockCache(Math.max(4, Math.floor(DATA_BYTES / superblock.blockSize)));
  }

  /** @throws CorruptImageError, UnsupportedFeatureError, TruncatedImageError */
  static async open(device: BlockDevice, codecs: BlockCodecs | undefined): Promise<Volume> {
    const superblock = await readSuperblock(device);
    if (superblock === undefined) {
      throw new CorruptImageError({ structure: Superblock.name, field: 'magic', reason: 'this is not Squashfs' });
    }
    const { versionMajor, versionMinor, blockSize, blockLog, bytesUsed } = superblock;
    if (versionMajor !== 4 || versionMinor !== 0) {
      throw new UnsupportedFeatureError({
        structure: Superblock.name,
        feature: `version ${versionMajor}.${versionMinor}`,
      });
    }
    if (!isPowerOfTwo(blockSize) || blockSize < 4096 || blockSize > 1 << 20 || 1 << blockLog !== blockSize) {
      throw new CorruptImageError({
        structure: Superblock.name,
        field: 'blockSize',
        found: blockSize,
        expected: '4 KiB to 1 MiB',
      });
    }
    if (bytesUsed > BigInt(device.size)) {
      const needed = toSafeInteger(bytesUsed, 'bytesUsed');
      throw new TruncatedImageError({ structure: 'squashfs', offset: 0, needed, available: device.size });
    }
    return new Volume(device, superblock, await unpackerFor(superblock.compressor, codecs));
  }

  get blockSize(): number {
    return this.superblock.blockSize;
  }

  /** `length` bytes of a metadata table, from `start` on; they may go on in the blocks that follow. */
  async metadata(start: Position, length: number): Promise<MetadataSpan> {
    let { block, offset } = start;
    if (offset + length <= METADATA_SIZE) {
      const data = await this.#metadataBlock(block);
      if (offset + length <= data.length) {
        return { data: data.subarray(offset, offset + length), next: { block, offset: offset + length } };
      }
    }
    const out = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const data = await this.#metadataBlock(block);
      if (offset >= data.length) {
        // Only a full block goes on in the next.
        if (offset > data.length || data.length < METADATA_SIZE) throw outside(block, offset);
        block += this.#packedSizes.get(block)!;
        offset = 0;
        continue;
      }
      const part = data.subarray(offset, offset + length - done);
      out.set(part, done);
      done += part.length;
      offset += part.length;
    }
    return { data: out, next: { block, offset } };
  }

  #metadataBlock(position: number): Promise<Uint8Array> {
    return this.#metadata.get(position, async () => {
      const header = viewOf(await this.stored(position, HEADER)).getUint16(0, true);
      const size = header & ~METADATA_UNPACKED;
      if (size === 0 || size > METADATA_SIZE) {
        throw new CorruptImageError({
          structure: 'squashfs metadata block',
          offset: position,
          field: 'size',
          found: size,
          expected: '1 to 8192',
        });
      }
      const stored = await this.stored(position + HEADER, size);
      if (this.#packedSizes.size > 1 << 20) this.#packedSizes.clear();
      this.#packedSizes.set(position, HEADER + size);
      return (header & METADATA_UNPACKED) !== 0 ? stored : this.unpack(stored, METADATA_SIZE);
    });
  }

  /**
   * A data or fragment block.
   * @param size as the inode or fragment table has it: packed bytes, and whether they are packed
   * @param expected bytes that must come out; at least, for a fragment block
   */
  dataBlock(position: number, size: number, expected: number): Promise<Uint8Array> {
    return this.#data.get(position, async () => {
      const length = size & DATA_SIZE_MASK;
      if (length > this.blockSize) {
        throw new CorruptImageError({
          structure: 'squashfs data block',
          offset: position,
          field: 'size',
          found: length,
          expected: `at most ${this.blockSize}`,
        });
      }
      const stored = await this.stored(position, length);
      const data = (size & DATA_UNPACKED) !== 0 ? stored : await this.unpack(stored, this.blockSize);
      if (data.length < expected) {
        throw new CorruptImageError({
          structure: 'squashfs data block',
          offset: position,
          field: 'length',
          found: data.length,
          expected,
        });
      }
      return data;
    });
  }

  /** An entry of a table whose metadata blocks are listed by 64-bit positions at `table`. */
  async tableEntry(table: bigint, index: number, size: number): Promise<Uint8Array> {
    const perBlock = METADATA_SIZE / size;
    const pointer = toSafeInteger(table, 'table') + Math.floor(index / perBlock) * 8;
    const position = toSafeInteger(viewOf(await this.stored(pointer, 8)).getBigUint64(0, true), 'table pointer');
    return (await this.metadata({ block: position, offset: (index % perBlock) * size }, size)).data;
  }

  /** Bytes as they lie on the device. */
  async stored(position: number, length: number): Promise<Uint8Array> {
    if (position + length > this.device.size) throw outside(position, length);
    return this.device.read(position, length);
  }

  close(): void {
    this.#metadata.clear();
    this.#data.clear();
  }
}

function outside(block: number, offset: number): CorruptImageError {
  return new CorruptImageError({
    structure: 'squashfs',
    offset: block,
    reason: `${offset} bytes from there lie outside`,
  });
}
