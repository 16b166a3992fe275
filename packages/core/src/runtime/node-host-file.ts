import * as fs from 'node:fs';
import { isZero } from '../binary/index.js';
import { checkSpan, throwIfAborted } from '../block/index.js';
import type { BlockExtent, HostFile, HostFileIdentity, IoOptions } from '../contracts/index.js';
import { CapabilityError, HostError } from '../errors/index.js';
import { hostError } from './node-host-error.js';

/** Bytes handled at once where zeros are written. */
const RUN = 1024 * 1024;
/** A hole at the end of a file is made by truncating twice when at least this long, bytes. */
const MIN_TAIL_HOLE = 1024 * 1024;

/** One open file descriptor: positional reads and writes, which may run at the same time. */
export class NodeHostFile implements HostFile {
  readonly direct = true;
  readonly #fd: number;
  readonly #isDevice: boolean;
  #size: number;
  #pending = 0;
  #closing: Promise<void> | undefined;
  #drained: (() => void) | undefined;

  /** @param size bytes; for a block device its capacity, else what fstat(2) says */
  constructor(
    fd: number,
    readonly path: string,
    readonly writable: boolean,
    size: number,
    isDevice: boolean,
  ) {
    this.#fd = fd;
    this.#size = size;
    this.#isDevice = isDevice;
  }

  get size(): number {
    return this.#size;
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    throwIfAborted(options?.signal, 'read');
    checkSpan(this.path, Number.MAX_SAFE_INTEGER, offset, length);
    const wanted = Math.max(0, Math.min(length, this.#size - offset));
    const data = options?.into?.take(wanted) ?? memory(wanted);
    const got = await this.#run('read', () => this.#fill(data, offset));
    throwIfAborted(options?.signal, 'read');
    return got === wanted ? data : data.subarray(0, got);
  }

  async readInto(offset: number, target: Uint8Array): Promise<number> {
    checkSpan(this.path, Number.MAX_SAFE_INTEGER, offset, target.length);
    return this.#run('read', () => this.#fill(target, offset));
  }

  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    this.#requireWritable();
    throwIfAborted(options?.signal, 'write');
    checkSpan(this.path, Number.MAX_SAFE_INTEGER, offset, data.length);
    this.#requireRoom(offset + data.length);
    await this.#run('write', () => this.#drain(data, offset));
    this.#size = Math.max(this.#size, offset + data.length);
  }

  async truncate(size: number): Promise<void> {
    this.#requireWritable();
    this.#requireRoom(size);
    if (this.#isDevice) return;
    await this.#run('truncate', () => promised<void>((done) => fs.ftruncate(this.#fd, size, done)));
    this.#size = size;
  }

  async punchHole(offset: number, length: number): Promise<void> {
    this.#requireWritable();
    checkSpan(this.path, this.#size, offset, length);
    if (!this.#isDevice && offset + length === this.#size && length >= MIN_TAIL_HOLE) {
      const size = this.#size;
      // Both calls without a turn of the event loop between, so that no read of ours sees the short file.
      await this.#run('truncate', async () => {
        fs.ftruncateSync(this.#fd, offset);
        fs.ftruncateSync(this.#fd, size);
      });
      return;
    }
    const zeroes = new Uint8Array(Math.min(RUN, length));
    for (let done = 0; done < length; done += RUN) {
      const run = Math.min(RUN, length - done);
      // A range that is zero already may be a hole of the host file: writing would allocate it.
      if (!isZero(await this.read(offset + done, run))) await this.write(offset + done, zeroes.subarray(0, run));
    }
  }

  async *extents(offset: number, length: number): AsyncGenerator<BlockExtent> {
    checkSpan(this.path, this.#size, offset, length);
    // Node has no SEEK_DATA, and st_blocks of some file systems is zero while data awaits allocation.
    if (length > 0) yield { offset, length, kind: 'data' };
  }

  async flush(): Promise<void> {
    await this.#run('fsync', () => promised<void>((done) => fs.fsync(this.#fd, done)));
  }

  async identity(): Promise<HostFileIdentity> {
    const stat = await this.#run('stat', () =>
      promised<fs.BigIntStats>((done) => fs.fstat(this.#fd, { bigint: true }, done)),
    );
    const size = this.#isDevice ? this.#size : Number(stat.size);
    return { dev: stat.dev, ino: stat.ino, size, mtimeNs: stat.mtimeNs };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // The kernel may reuse the number at once: no call of ours may still be on its way with it.
    if (this.#pending > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    try {
      await promised<void>((done) => fs.close(this.#fd, done));
    } catch (error) {
      throw hostError(this.path, 'close', error);
    }
  }

  async #run<T>(operation: string, work: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) {
      throw new HostError({ path: this.path, operation, errno: 'EBADF', reason: 'the file is closed' });
    }
    this.#pending++;
    try {
      return await work();
    } catch (error) {
      throw hostError(this.path, operation, error);
    } finally {
      this.#pending--;
      if (this.#pending === 0) this.#drained?.();
    }
  }

  /** read(2) until `data` is full or the file ends. */
  async #fill(data: Uint8Array, offset: number): Promise<number> {
    let got = 0;
    while (got < data.length) {
      const at = got;
      const n = await promised<number>((done) => fs.read(this.#fd, data, at, data.length - at, offset + at, done));
      if (n === 0) break;
      got += n;
    }
    return got;
  }

  /** write(2) until all of `data` is written. */
  async #drain(data: Uint8Array, offset: number): Promise<void> {
    let done = 0;
    while (done < data.length) {
      const at = done;
      done += await promised<number>((cb) => fs.write(this.#fd, data, at, data.length - at, offset + at, cb));
    }
  }

  #requireWritable(): void {
    if (!this.writable) throw CapabilityError.readOnly(this.path);
  }

  #requireRoom(end: number): void {
    if (!this.#isDevice || end <= this.#size) return;
    const reason = `a block device of ${this.#size} bytes cannot grow to ${end}`;
    throw new HostError({ path: this.path, operation: 'write', errno: 'ENOSPC', reason });
  }
}

/** Not a Buffer: its slice() shares memory, which callers of a Uint8Array do not expect. */
function memory(length: number): Uint8Array {
  const { buffer, byteOffset } = Buffer.allocUnsafeSlow(length);
  return new Uint8Array(buffer, byteOffset, length);
}

function promised<T>(call: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    call((error, value) => (error === null || error === undefined ? resolve(value as T) : reject(error)));
  });
}
