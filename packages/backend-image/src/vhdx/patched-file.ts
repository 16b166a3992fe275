import { type BlockExtent, CapabilityError, type HostFile, type HostFileIdentity, type IoOptions } from '@vmcraft/core';

/** A change that a log asks for: `bytes`, or zeros when there are none. */
export interface Patch {
  readonly offset: number;
  readonly length: number;
  readonly bytes?: Uint8Array;
}

/** A file as it will be when its log has been replayed; the file itself stays as it is. */
export class PatchedFile implements HostFile {
  readonly path: string;
  readonly writable = false;
  readonly size: number;
  readonly #file: HostFile;
  readonly #patches: readonly Patch[];

  /** @param size bytes that the file has at least */
  constructor(file: HostFile, patches: readonly Patch[], size: number) {
    this.path = file.path;
    this.#file = file;
    this.#patches = patches;
    this.size = Math.max(file.size, size);
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const wanted = Math.max(0, Math.min(length, this.size - offset));
    const found = await this.#file.read(offset, wanted, options);
    const touching = this.#touching(offset, wanted);
    if (touching.length === 0 && found.length === wanted) return found;
    const data = new Uint8Array(wanted);
    data.set(found);
    for (const patch of touching) {
      const from = Math.max(offset, patch.offset);
      const to = Math.min(offset + wanted, patch.offset + patch.length);
      if (patch.bytes === undefined) data.fill(0, from - offset, to - offset);
      else data.set(patch.bytes.subarray(from - patch.offset, to - patch.offset), from - offset);
    }
    return data;
  }

  async *extents(offset: number, length: number): AsyncGenerator<BlockExtent> {
    if (length > 0) yield { offset, length, kind: 'data' };
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

  async flush(): Promise<void> {}

  identity(): Promise<HostFileIdentity> {
    return this.#file.identity();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #touching(offset: number, length: number): Patch[] {
    return this.#patches.filter((p) => p.offset < offset + length && offset < p.offset + p.length);
  }
}
