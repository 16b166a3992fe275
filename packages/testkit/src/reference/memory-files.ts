import type {
  BlockExtent,
  HostFile,
  HostFileIdentity,
  HostFileOptions,
  HostFiles,
  HostStat,
  IoOptions,
} from '@vmcraft/core';
import { CapabilityError, HostError, throwIfAborted } from '@vmcraft/core';

/** One file of {@link MemoryFiles}. */
interface Stored {
  data: Uint8Array;
  readonly ino: bigint;
  version: bigint;
}

/** A {@link HostFiles} whose files live in memory. Paths are absolute and POSIX-like; there are no links. */
export class MemoryFiles implements HostFiles {
  readonly #files = new Map<string, Stored>();
  #nextIno = 1n;

  /** Put a file there, replacing one of that name. */
  set(path: string, data: Uint8Array): void {
    this.#files.set(path, { data: data.slice(), ino: this.#nextIno++, version: 1n });
  }

  /** The bytes of a file now; undefined when there is none. */
  get(path: string): Uint8Array | undefined {
    return this.#files.get(path)?.data;
  }

  /** All paths. */
  paths(): readonly string[] {
    return [...this.#files.keys()];
  }

  async open(path: string, options: HostFileOptions): Promise<HostFile> {
    const stored = this.#files.get(path);
    if (options.create === 'exclusive' && stored !== undefined) {
      throw new HostError({ path, operation: 'open', errno: 'EEXIST', reason: 'file exists' });
    }
    if (options.create !== undefined) this.set(path, new Uint8Array());
    const file = this.#files.get(path);
    if (file === undefined) throw new HostError({ path, operation: 'open', errno: 'ENOENT', reason: 'no such file' });
    return new MemoryFile(path, file, options.writable);
  }

  async stat(path: string): Promise<HostStat | undefined> {
    const file = this.#files.get(path);
    return file === undefined ? undefined : { kind: 'file', size: file.data.length, identity: identityOf(file) };
  }

  async resolveReference(imagePath: string, reference: string): Promise<string> {
    const folder = imagePath.slice(0, imagePath.lastIndexOf('/') + 1);
    const path = reference.startsWith('/') ? reference : folder + reference;
    if (!path.startsWith(folder) || path.split('/').includes('..')) {
      throw new CapabilityError({
        capability: 'reference',
        subject: imagePath,
        reason: `${reference} lies outside its folder`,
      });
    }
    return path;
  }
}

function identityOf(file: Stored): HostFileIdentity {
  return { dev: 0n, ino: file.ino, size: file.data.length, mtimeNs: file.version };
}

class MemoryFile implements HostFile {
  #closed = false;

  constructor(
    readonly path: string,
    private readonly stored: Stored,
    readonly writable: boolean,
  ) {}

  get size(): number {
    return this.stored.data.length;
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    throwIfAborted(options?.signal, 'read');
    this.#check('read');
    return this.stored.data.slice(offset, offset + length);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    this.#checkWritable();
    if (offset + data.length > this.size) this.#resize(offset + data.length);
    this.stored.data.set(data, offset);
    this.stored.version += 1n;
  }

  async truncate(size: number): Promise<void> {
    this.#checkWritable();
    this.#resize(size);
  }

  async punchHole(offset: number, length: number): Promise<void> {
    this.#checkWritable();
    this.stored.data.fill(0, offset, offset + length);
  }

  async *extents(offset: number, length: number): AsyncIterable<BlockExtent> {
    if (length > 0) yield { offset, length, kind: 'data' };
  }

  async flush(): Promise<void> {
    this.#check('flush');
  }

  async identity(): Promise<HostFileIdentity> {
    return identityOf(this.stored);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #resize(size: number): void {
    const data = new Uint8Array(size);
    data.set(this.stored.data.subarray(0, size));
    this.stored.data = data;
    this.stored.version += 1n;
  }

  #check(operation: string): void {
    if (this.#closed) throw new HostError({ path: this.path, operation, errno: 'EBADF', reason: 'file is closed' });
  }

  #checkWritable(): void {
    this.#check('write');
    if (!this.writable) throw CapabilityError.readOnly(this.path);
  }
}
