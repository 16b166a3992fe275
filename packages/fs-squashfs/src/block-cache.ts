/** Unpacked blocks of about one size; the one not used for longest goes first. */
export class BlockCache {
  readonly #blocks = new Map<number, Promise<Uint8Array>>();

  /** @param capacity blocks that are held */
  constructor(private readonly capacity: number) {}

  /** The block under `key`, made by `load` when it is not held. One that fails is not kept. */
  get(key: number, load: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const known = this.#blocks.get(key);
    if (known !== undefined) {
      this.#blocks.delete(key);
      this.#blocks.set(key, known);
      return known;
    }
    const block = load();
    this.#blocks.set(key, block);
    block.catch(() => this.#blocks.delete(key));
    const [oldest] = this.#blocks.keys();
    if (this.#blocks.size > this.capacity && oldest !== undefined) this.#blocks.delete(oldest);
    return block;
  }

  clear(): void {
    this.#blocks.clear();
  }
}
