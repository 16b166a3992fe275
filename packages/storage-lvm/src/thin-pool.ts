import { Turns } from '@vmcraft/core/block';
import type { BlockDevice, IoOptions } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import { THIN_NEEDS_CHECK } from './layout-thin.js';
import { type Mapping, ThinMetadata } from './thin-metadata.js';

/** Bytes of a chunk, as lvmthin(7) allows them. */
const MIN_CHUNK = 64 * 1024;
const MAX_CHUNK = 1024 ** 3;
/** Chunks listed at once. */
const MAPPED_BATCH = 16384;

/** What of a chunk is written, and what the rest of it holds when it has no place yet. */
export interface ChunkWrite {
  readonly id: number;
  readonly chunk: number;
  /** Offset within the chunk. */
  readonly within: number;
  readonly data: Uint8Array;
  /** Bytes of the chunk that nobody wrote yet; zeros where undefined. */
  origin(offset: number, length: number): Promise<Uint8Array | undefined>;
}

/** A thin pool: its metadata and its data. Volumes of the pool share one of these. */
export class ThinPool {
  /** Bytes. */
  readonly chunkSize: number;
  /** Why nothing may be written; undefined when it may. */
  readonly readOnlyReason: string | undefined;
  readonly #turns = new Turns();
  #metadata: ThinMetadata;
  #isWriting = false;

  private constructor(
    metadata: ThinMetadata,
    private readonly metadataDevice: BlockDevice,
    private readonly data: BlockDevice,
    private readonly name: string,
    transaction: number,
  ) {
    this.#metadata = metadata;
    const { superblock } = metadata;
    this.chunkSize = superblock.dataBlockSize * 512;
    if (superblock.dataBlockSize === 0 || this.chunkSize % MIN_CHUNK !== 0 || this.chunkSize > MAX_CHUNK) {
      const reason = `chunks of ${this.chunkSize} bytes`;
      throw new CorruptImageError({ structure: 'thin_disk_superblock', field: 'data_block_size', reason });
    }
    this.readOnlyReason = reasonNotToWrite(metadata, transaction);
  }

  /**
   * @param transaction what LVM's metadata says the pool's transaction is
   * @throws CorruptImageError, UnsupportedFeatureError
   */
  static async open(metadata: BlockDevice, data: BlockDevice, name: string, transaction: number): Promise<ThinPool> {
    return new ThinPool(await ThinMetadata.open(metadata, name), metadata, data, name, transaction);
  }

  get metadata(): ThinMetadata {
    return this.#metadata;
  }

  /** Where a chunk lies, if that is known without waiting; `null` when it is not. */
  peek(id: number, chunk: number): Mapping | undefined | null {
    return this.#isWriting ? null : this.#metadata.peek(id, chunk);
  }

  /** Where a chunk lies. Waits for writes under way, as trees are not whole while they change. */
  find(id: number, chunk: number): Promise<Mapping | undefined> {
    return this.#turns.take(() => this.#metadata.find(id, chunk));
  }

  /** Some of the chunks of a volume that have a place, from `first` on, in order; empty when there are no more. */
  mapped(id: number, first: number): Promise<readonly number[]> {
    return this.#turns.take(async () => {
      const chunks: number[] = [];
      for await (const chunk of this.#metadata.mapped(id, first)) if (chunks.push(chunk) >= MAPPED_BATCH) break;
      return chunks;
    });
  }

  /** Whether everything below takes writes. */
  get writable(): boolean {
    return this.readOnlyReason === undefined && this.data.writable && this.metadataDevice.writable;
  }

  get sectorSize(): number {
    return this.data.sectorSize;
  }

  /** Read from a chunk of the pool. */
  readBlock(block: number, within: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    return this.data.read(this.placeOf(block) + within, length, options);
  }

  /** Offset of a chunk in the pool's data. @throws CorruptImageError when it lies behind the end */
  placeOf(block: number): number {
    const at = block * this.chunkSize;
    if (at + this.chunkSize <= this.data.size) return at;
    const reason = `chunk ${block} lies behind the end of the data`;
    throw new CorruptImageError({ structure: `thin pool ${this.name}`, reason });
  }

  get dataDevice(): BlockDevice {
    return this.data;
  }

  /** Write parts of chunks, giving them places where they have none of their own. The metadata is right on the device afterwards. */
  write(writes: readonly ChunkWrite[], options?: IoOptions): Promise<void> {
    return this.#turns.take(async () => {
      let isChanged = false;
      this.#isWriting = true;
      try {
        for (const write of writes) if (await this.#write(write, options)) isChanged = true;
        if (isChanged) await this.#metadata.commit();
      } catch (error) {
        // What was not committed has no effect: chunks that were written are free.
        this.#metadata = await ThinMetadata.open(this.metadataDevice, this.name);
        throw error;
      } finally {
        this.#isWriting = false;
      }
    });
  }

  /** Returns whether the metadata changed. */
  async #write({ id, chunk, within, data, origin }: ChunkWrite, options?: IoOptions): Promise<boolean> {
    const mapping = await this.#metadata.find(id, chunk);
    const details = await this.#metadata.details(id);
    if (mapping !== undefined && mapping.time >= (details?.snapshottedTime ?? 0)) {
      await this.data.write(this.placeOf(mapping.block) + within, data, options);
      return false;
    }
    const rest = async (offset: number, length: number): Promise<Uint8Array> => {
      if (length === 0) return new Uint8Array(0);
      const old =
        mapping === undefined ? origin(offset, length) : this.readBlock(mapping.block, offset, length, options);
      return (await old) ?? new Uint8Array(length);
    };
    const end = within + data.length;
    const before = await rest(0, within);
    const after = await rest(end, this.chunkSize - end);
    const block = await this.#metadata.allocate();
    const at = this.placeOf(block);
    await this.data.write(at, before, options);
    await this.data.write(at + within, data, options);
    await this.data.write(at + end, after, options);
    await this.#metadata.map(id, chunk, block);
    return true;
  }
}

function reasonNotToWrite({ superblock }: ThinMetadata, transaction: number): string | undefined {
  if ((superblock.flags & THIN_NEEDS_CHECK) !== 0) return 'the pool is marked for a check; run thin_check';
  if (superblock.transaction !== BigInt(transaction)) {
    return `the pool is at transaction ${superblock.transaction}, its group says ${transaction}; run lvconvert --repair`;
  }
  return undefined;
}
