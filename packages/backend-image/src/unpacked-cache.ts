import { UNPACKED_BYTES } from './limits.js';

/** Unpacked units of one image, bounded by bytes. Concurrent requests for one unit unpack it once. */
export class UnpackedCache {
  readonly #units = new Map<number, Promise<Uint8Array>>();
  readonly #maxUnits: number;

  /** @param unitSize bytes of one unpacked unit */
  constructor(unitSize: number) {
    this.#maxUnits = Math.max(2, Math.floor(UNPACKED_BYTES / unitSize));
  }

  /** The unit known by `key`, unpacked by `load` when it is not held. */
  get(key: number, load: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const held = this.#units.get(key);
    if (held !== undefined) {
      this.#units.delete(key);
      this.#units.set(key, held);
      return held;
    }
    const loading = load();
    this.#units.set(key, loading);
    loading.catch(() => this.#units.delete(key));
    for (const oldest of this.#units.keys()) {
      if (this.#units.size <= this.#maxUnits) break;
      this.#units.delete(oldest);
    }
    return loading;
  }

  clear(): void {
    this.#units.clear();
  }
}
