import type { WarningSink } from '@vmcraft/core/contracts';
import type { Allocator } from './allocator.js';
import type { Cells } from './cells.js';
import type { BaseBlockFields } from './layout.js';
import type { PageStore } from './page-store.js';

/** What the keys of one open hive share. */
export interface HiveState {
  readonly store: PageStore;
  readonly cells: Cells;
  /** The base block as it was read, with what commits changed since. */
  readonly base: BaseBlockFields;
  readonly allocator: Allocator;
  readonly writable: boolean;
  readonly warn: WarningSink;
  readonly handles: HandleTable;
  /** The time that changed keys get. */
  readonly now: () => Date;
}

/** One life of a key node's cell: a cell that is freed and used again holds another key. */
export interface KeyIdentity {
  readonly cell: number;
  readonly epoch: number;
}

/** Says of a key node's cell whether it is still the key that a handle was made for. */
export class HandleTable {
  /** How often the key node at this offset was deleted or moved away. */
  readonly #epochs = new Map<number, number>();
  /** Where a renamed key went. */
  readonly #moved = new Map<string, KeyIdentity>();

  /** Whether no key was ever deleted or moved. */
  get isUntouched(): boolean {
    return this.#epochs.size === 0;
  }

  /** Which life of the cell this is. */
  epochOf(cell: number): number {
    return this.#epochs.size === 0 ? 0 : (this.#epochs.get(cell) ?? 0);
  }

  identify(cell: number): KeyIdentity {
    return { cell, epoch: this.epochOf(cell) };
  }

  /** The key node at `cell` is deleted, or moved to another cell. Returns how to take that back. */
  retire(cell: number, movedTo?: number): () => void {
    const before = this.identify(cell);
    const name = `${cell}:${before.epoch}`;
    this.#epochs.set(cell, before.epoch + 1);
    if (movedTo !== undefined) this.#moved.set(name, this.identify(movedTo));
    return () => {
      this.#epochs.set(cell, before.epoch);
      this.#moved.delete(name);
    };
  }

  /** The same key as it is now; undefined when it was deleted. */
  follow(key: KeyIdentity): KeyIdentity | undefined {
    let now: KeyIdentity | undefined = key;
    while (now !== undefined && this.epochOf(now.cell) !== now.epoch) {
      now = this.#moved.get(`${now.cell}:${now.epoch}`);
    }
    return now;
  }
}
