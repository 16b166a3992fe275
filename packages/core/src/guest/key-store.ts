import type { KeyStore } from '../contracts/index.js';

/** Secrets that the caller gave, by the device or UUID they are for. Never printed, never in an error. */
export class SessionKeys implements KeyStore {
  readonly #keys: { readonly selector: string | undefined; readonly secret: Uint8Array }[] = [];

  /** @param selector device name or UUID; undefined for a key to try on everything */
  add(secret: Uint8Array | string, selector?: string): void {
    this.#keys.push({
      selector: selector?.toLowerCase(),
      secret: typeof secret === 'string' ? new TextEncoder().encode(secret) : secret,
    });
  }

  async keysFor(selectors: readonly string[]): Promise<readonly Uint8Array[]> {
    const wanted = new Set(selectors.map((s) => s.toLowerCase()));
    const own = this.#keys.filter((k) => k.selector !== undefined && wanted.has(k.selector));
    const general = this.#keys.filter((k) => k.selector === undefined || k.selector === 'all');
    return [...own, ...general].map((k) => k.secret);
  }

  /** Overwrite and forget all secrets. */
  clear(): void {
    for (const { secret } of this.#keys.splice(0)) secret.fill(0);
  }

  toJSON(): string {
    return `[${this.#keys.length} keys]`;
  }
}
