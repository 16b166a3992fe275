import type { BlockExtent, HostFile, HostFileIdentity, IoOptions } from '../../contracts/index.js';
import { CapabilityError } from '../../errors/index.js';
import type { Journal, JournalFile } from './journal-reader.js';

/** A file opened for reading as its committed journal will make it, without changing anything on the host. */
export class ReplayedFile implements HostFile {
  readonly writable = false;
  readonly direct = false;
  readonly #base: HostFile;
  readonly #journal: Journal;
  readonly #file: JournalFile;

  /** Closing it closes both. */
  constructor(base: HostFile, journal: Journal, file: JournalFile) {
    this.#base = base;
    this.#journal = journal;
    this.#file = file;
  }

  get path(): string {
    return this.#base.path;
  }

  get size(): number {
    return this.#file.finalSize;
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.size);
    if (offset >= end) return new Uint8Array(0);
    const out = new Uint8Array(end - offset);
    const limit = Math.min(end, this.#file.cutTo);
    if (offset < limit) out.set(await this.#base.read(offset, limit - offset, options));
    for (let i = this.#firstRunAfter(offset); i < this.#file.runs.length; i++) {
      const run = this.#file.runs[i]!;
      if (run.offset >= end) break;
      const from = Math.max(offset, run.offset);
      const to = Math.min(end, run.offset + run.length);
      if (run.zero) out.fill(0, from - offset, to - offset);
      else out.set(await this.#journal.dataOf(run, from - run.offset, to - from), from - offset);
    }
    return out;
  }

  /** Index of the first run that ends after `offset`. */
  #firstRunAfter(offset: number): number {
    const { runs } = this.#file;
    let low = 0;
    let high = runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const run = runs[middle]!;
      if (run.offset + run.length <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  async write(): Promise<void> {
    throw CapabilityError.readOnly(this.path);
  }

  async truncate(): Promise<void> {
    throw CapabilityError.readOnly(this.path);
  }

  async punchHole(): Promise<void> {
    throw CapabilityError.readOnly(this.path);
  }

  async *extents(offset: number, length: number): AsyncGenerator<BlockExtent> {
    if (length > 0) yield { offset, length, kind: 'data' };
  }

  async flush(): Promise<void> {}

  identity(): Promise<HostFileIdentity> {
    return this.#base.identity();
  }

  async close(): Promise<void> {
    await this.#journal.close();
    await this.#base.close();
  }
}
