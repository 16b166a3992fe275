/** Attribute blocks kept in mind for sharing. */
const MAX_KEPT = 1000;

/** Remembers attribute blocks by their hash, so that inodes with equal attributes share one. */
export class XattrSharing {
  readonly #blocks = new Map<number, number>();

  /** A block that may hold attributes with this hash; the caller compares. */
  find(hash: number): number | undefined {
    return this.#blocks.get(hash);
  }

  remember(hash: number, block: number): void {
    if (hash === 0) return;
    if (this.#blocks.size >= MAX_KEPT) this.#blocks.clear();
    this.#blocks.set(hash, block);
  }

  forget(block: number): void {
    for (const [hash, known] of this.#blocks) if (known === block) this.#blocks.delete(hash);
  }

  /** Forget all, after changes were rolled back. */
  reset(): void {
    this.#blocks.clear();
  }
}
