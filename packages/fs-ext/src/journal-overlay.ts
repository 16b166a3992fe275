import type { BlockDevice, IoOptions, Peekable } from '@vmcraft/core/contracts';
import { CapabilityError } from '@vmcraft/core/errors';
import { type JournalCopy, type JournalReader, unescapeBlock } from './journal-scan.js';

/** Journal copies kept in memory, bytes. */
const MAX_KEPT = 8 * 1024 * 1024;

/** A device as it would be after its journal was replayed. Nothing is written: the copies are read from the journal itself. */
export class JournalOverlay implements BlockDevice, Peekable {
  readonly size: number;
  readonly sectorSize: number;
  readonly writable = false;
  readonly #kept = new Map<number, Uint8Array>();

  constructor(
    private readonly parent: BlockDevice & Peekable,
    private readonly blockSize: number,
    private readonly copies: ReadonlyMap<number, JournalCopy>,
    private readonly readJournal: JournalReader,
  ) {
    this.size = parent.size;
    this.sectorSize = parent.sectorSize;
  }

  peek(offset: number, length: number): Uint8Array | undefined {
    const { first, last } = this.#blocks(offset, length);
    if (first === last) {
      if (!this.copies.has(first)) return this.parent.peek(offset, length);
      const at = offset - first * this.blockSize;
      return this.#kept.get(first)?.subarray(at, at + length);
    }
    return this.#touches(first, last) ? undefined : this.parent.peek(offset, length);
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const { first, last } = this.#blocks(offset, length);
    if (!this.#touches(first, last)) return this.parent.read(offset, length, options);
    const out = (await this.parent.read(offset, length, options)).slice();
    for (let block = first; block <= last; block++) {
      const copy = this.copies.get(block);
      if (copy === undefined) continue;
      const data = await this.#copy(block, copy);
      const start = block * this.blockSize;
      const from = Math.max(start, offset);
      const to = Math.min(start + this.blockSize, offset + length);
      out.set(data.subarray(from - start, to - start), from - offset);
    }
    return out;
  }

  async #copy(block: number, copy: JournalCopy): Promise<Uint8Array> {
    const kept = this.#kept.get(block);
    if (kept !== undefined) return kept;
    const data = unescapeBlock(copy, await this.readJournal(copy.at)).slice();
    if (this.#kept.size * this.blockSize >= MAX_KEPT) this.#kept.clear();
    this.#kept.set(block, data);
    return data;
  }

  #blocks(offset: number, length: number): { first: number; last: number } {
    const first = Math.floor(offset / this.blockSize);
    return { first, last: Math.max(first, Math.floor((offset + length - 1) / this.blockSize)) };
  }

  #touches(first: number, last: number): boolean {
    for (let block = first; block <= last; block++) if (this.copies.has(block)) return true;
    return false;
  }

  async write(): Promise<void> {
    throw CapabilityError.readOnly('ext4', 'its journal is replayed in memory only');
  }
  async flush(): Promise<void> {}
  async close(): Promise<void> {}
}
