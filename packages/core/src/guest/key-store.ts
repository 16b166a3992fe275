import type { KeyStore } from '../contracts/index.js';

/** Asks somebody for a secret: `selectors` are the names of what it is for, the device first. Undefined when there is none. */
export type KeyPrompt = (selectors: readonly string[]) => Promise<Uint8Array | string | undefined>;

/** Secrets that the caller gave, by the device or UUID they are for. Never printed, never in an error. */
export class SessionKeys implements KeyStore {
  readonly #keys: { readonly selector: string | undefined; readonly secret: Uint8Array }[] = [];
  /** Who is asked when no key was given for something. Each device is asked for once. */
  prompt: KeyPrompt | undefined;
  readonly #asked = new Set<string>();

  /** @param selector device name or UUID; undefined for a key to try on everything */
  add(secret: Uint8Array | string, selector?: string): void {
    this.#keys.push({
      selector: selector?.toLowerCase(),
      // A copy, as it is overwritten in the end; `slice` of Node's Buffer would be none.
      secret: typeof secret === 'string' ? new TextEncoder().encode(secret) : new Uint8Array(secret),
    });
  }

  async keysFor(selectors: readonly string[]): Promise<readonly Uint8Array[]> {
    const known = this.#known(selectors);
    const name = selectors[0];
    if (known.length > 0 || this.prompt === undefined || name === undefined || this.#asked.has(name)) return known;
    this.#asked.add(name);
    const answer = await this.prompt(selectors);
    if (answer !== undefined) this.add(answer, name);
    return this.#known(selectors);
  }

  /** Overwrite and forget all secrets. */
  clear(): void {
    for (const { secret } of this.#keys.splice(0)) secret.fill(0);
    this.#asked.clear();
  }

  toJSON(): string {
    return `[${this.#keys.length} keys]`;
  }

  #known(selectors: readonly string[]): readonly Uint8Array[] {
    const wanted = new Set(selectors.map((s) => s.toLowerCase()));
    const own = this.#keys.filter((k) => k.selector !== undefined && wanted.has(k.selector));
    const general = this.#keys.filter((k) => k.selector === undefined || k.selector === 'all');
    return [...own, ...general].map((k) => k.secret);
  }
}
