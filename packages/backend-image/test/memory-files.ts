import { basename } from 'node:path';
import {
  type BlockExtent,
  CapabilityError,
  HostError,
  type HostFile,
  type HostFileIdentity,
  type HostFileOptions,
  type HostFiles,
  type HostStat,
  LimitExceededError,
} from '@vmcraft/core';

/** A file may not grow beyond this: an image must not make us write without bound. */
const MAX_FILE = 1 << 30;

/** Host files in memory: thousands of broken images a minute need no disk. Every path is its base name. */
export class MemoryFiles implements HostFiles {
  readonly #files = new Map<string, { bytes: Uint8Array; ino: bigint }>();

  put(path: string, bytes: Uint8Array): void {
    this.#files.set(basename(path), { bytes, ino: BigInt(this.#files.size + 1) });
  }

  /** The bytes of a file now. */
  get(path: string): Uint8Array {
    return this.#files.get(basename(path))?.bytes ?? new Uint8Array(0);
  }

  async open(path: string, options: HostFileOptions): Promise<HostFile> {
    const entry = this.#files.get(basename(path));
    if (entry === undefined) throw new HostError({ path, operation: 'open', errno: 'ENOENT', reason: 'no such file' });
    return new MemoryFile(path, entry, options.writable);
  }

  async stat(path: string): Promise<HostStat | undefined> {
    const entry = this.#files.get(basename(path));
    if (entry === undefined) return undefined;
    const size = entry.bytes.length;
    return { kind: 'file', size, identity: { dev: 1n, ino: entry.ino, size, mtimeNs: 0n } };
  }

  async resolveReference(_image: string, reference: string): Promise<string> {
    return basename(reference);
  }
}

class MemoryFile implements HostFile {
  constructor(
    readonly path: string,
    readonly entry: { bytes: Uint8Array; ino: bigint },
    readonly writable: boolean,
  ) {}

  get size(): number {
    return this.entry.bytes.length;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return this.entry.bytes.slice(offset, offset + length);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    if (!this.writable) throw CapabilityError.readOnly(this.path);
    if (offset + data.length > this.size) await this.truncate(offset + data.length);
    this.entry.bytes.set(data, offset);
  }

  async truncate(size: number): Promise<void> {
    if (size > MAX_FILE) throw new LimitExceededError({ limit: 'file size', value: size, max: MAX_FILE });
    const bytes = new Uint8Array(size);
    bytes.set(this.entry.bytes.subarray(0, size));
    this.entry.bytes = bytes;
  }

  async punchHole(offset: number, length: number): Promise<void> {
    this.entry.bytes.fill(0, offset, offset + length);
  }

  async *extents(offset: number, length: number): AsyncGenerator<BlockExtent> {
    if (length > 0) yield { offset, length, kind: 'data' };
  }

  async flush(): Promise<void> {}

  async identity(): Promise<HostFileIdentity> {
    return { dev: 1n, ino: this.entry.ino, size: this.size, mtimeNs: 0n };
  }

  async close(): Promise<void> {}
}
