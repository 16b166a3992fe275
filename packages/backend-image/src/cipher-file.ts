import {
  alignDown,
  alignUp,
  type BlockExtent,
  type HostFile,
  type HostFileIdentity,
  type IoOptions,
  type SectorCipher,
} from '@vmcraft/core';

/**
 * A host file in the clear, whose bytes are encrypted by their place in it. Closing it overwrites the keys and leaves the file below
 * open. What was never written decrypts to noise, so that nothing in it is known to be zero.
 */
export class CipherFile implements HostFile {
  readonly #file: HostFile;
  readonly #cipher: SectorCipher;

  constructor(file: HostFile, cipher: SectorCipher) {
    this.#file = file;
    this.#cipher = cipher;
  }

  get path(): string {
    return this.#file.path;
  }

  get writable(): boolean {
    return this.#file.writable;
  }

  get size(): number {
    return this.#file.size;
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const unit = this.#cipher.sectorSize;
    const start = alignDown(offset, unit);
    const raw = await this.#file.read(start, alignUp(offset + length, unit) - start, options);
    // What the file lacks of its last sector reads as zeros below the cipher.
    const plain = new Uint8Array(alignUp(raw.length, unit));
    plain.set(raw);
    this.#cipher.decrypt(plain, start);
    return plain.subarray(offset - start, Math.max(offset - start, Math.min(offset - start + length, plain.length)));
  }

  /** Callers write one at a time. */
  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    if (data.length === 0) return;
    const unit = this.#cipher.sectorSize;
    const start = alignDown(offset, unit);
    const end = alignUp(offset + data.length, unit);
    const whole = new Uint8Array(end - start);
    if (start < offset) whole.set(await this.read(start, unit, options));
    const isLastCut = end > offset + data.length && (end - unit > start || start === offset);
    if (isLastCut) whole.set(await this.read(end - unit, unit, options), end - unit - start);
    whole.set(data, offset - start);
    this.#cipher.encrypt(whole, start);
    await this.#file.write(start, whole, options);
  }

  truncate(size: number): Promise<void> {
    return this.#file.truncate(size);
  }

  punchHole(offset: number, length: number): Promise<void> {
    return this.write(offset, new Uint8Array(length));
  }

  async *extents(offset: number, length: number): AsyncGenerator<BlockExtent> {
    if (length > 0) yield { offset, length, kind: 'data' };
  }

  flush(): Promise<void> {
    return this.#file.flush();
  }

  identity(): Promise<HostFileIdentity> {
    return this.#file.identity();
  }

  async close(): Promise<void> {
    this.#cipher.close();
  }
}
