import { crc32cRaw, viewOf } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import { BLOCK, type BlockKind, CHECKSUM_OF, NUMBER_AT } from './layout-thin.js';

/** Blocks kept in memory. */
const MAX_CACHED = 2048;
const CITATION = 'Linux persistent-data.rst, "Validators"';

/** A block that is changed and not yet written. */
interface Changed {
  readonly data: Uint8Array;
  readonly kind: BlockKind;
}

/** Checked blocks of a metadata device. Changes are held back until {@link commit}. */
export class MetadataBlocks {
  readonly count: number;
  readonly #cache = new Map<number, DataView>();
  readonly #changed = new Map<number, Changed>();

  constructor(
    private readonly device: BlockDevice,
    private readonly subject: string,
  ) {
    this.count = Math.floor(device.size / BLOCK);
  }

  /** The block if it is in memory. Must not be changed. */
  peek(number: number): DataView | undefined {
    return this.#cache.get(number);
  }

  /** Read and check a block. The view must not be changed. @throws CorruptImageError */
  async get(number: number, kind: BlockKind): Promise<DataView> {
    const cached = this.#cache.get(number);
    if (cached !== undefined) return cached;
    if (!(number >= 0 && number < this.count)) this.fail(number, `block ${number} lies behind the end of the metadata`);
    const data = (await this.device.read(number * BLOCK, BLOCK)).slice();
    const view = viewOf(data);
    const checksum = checksumOf(data, kind);
    if (view.getUint32(0, true) !== checksum) {
      this.fail(
        number,
        `checksum of a ${kind} block: expected 0x${checksum.toString(16)}, found 0x${view.getUint32(0, true).toString(16)}`,
      );
    }
    if (view.getBigUint64(NUMBER_AT[kind], true) !== BigInt(number))
      this.fail(number, `a ${kind} block of another place`);
    if (this.#cache.size >= MAX_CACHED) this.#evict();
    this.#cache.set(number, view);
    return view;
  }

  /** The block to change it: it will be written with the next commit. */
  async change(number: number, kind: BlockKind): Promise<DataView> {
    const view = await this.get(number, kind);
    this.#changed.set(number, { data: new Uint8Array(view.buffer, view.byteOffset, BLOCK), kind });
    return view;
  }

  /** A block of zeros, to be filled and written with the next commit. */
  create(number: number, kind: BlockKind): DataView {
    const data = new Uint8Array(BLOCK);
    const view = viewOf(data);
    view.setBigUint64(NUMBER_AT[kind], BigInt(number), true);
    this.#cache.set(number, view);
    this.#changed.set(number, { data, kind });
    return view;
  }

  /** Write all changes; the superblock last. */
  async commit(): Promise<void> {
    const ordered = [...this.#changed].sort(([a], [b]) => (a === 0 ? 1 : b === 0 ? -1 : a - b));
    for (const [number, { data, kind }] of ordered) {
      viewOf(data).setUint32(0, checksumOf(data, kind), true);
      await this.device.write(number * BLOCK, data);
    }
    this.#changed.clear();
  }

  /** Forget all changes. */
  rollback(): void {
    this.#changed.clear();
    this.#cache.clear();
  }

  /** Throw that a block is wrong. */
  fail(number: number, reason: string): never {
    throw new CorruptImageError({ structure: this.subject, offset: number * BLOCK, reason, citation: CITATION });
  }

  #evict(): void {
    for (const number of this.#cache.keys()) {
      if (this.#changed.has(number)) continue;
      this.#cache.delete(number);
      if (this.#cache.size < MAX_CACHED / 2) return;
    }
  }
}

function checksumOf(data: Uint8Array, kind: BlockKind): number {
  return (crc32cRaw(0xffffffff, data.subarray(4)) ^ CHECKSUM_OF[kind]) >>> 0;
}
