import { alignDown, alignUp } from '@vmcraft/core/binary';
import { checkSpan, requireWritable, SliceDevice, throwIfAborted } from '@vmcraft/core/block';
import type { BlockDevice, IoOptions, SectorCipher } from '@vmcraft/core/contracts';
import { UsageError } from '@vmcraft/core/errors';

/** Most bytes read and decrypted at once. */
const RUN = 1024 * 1024;

/** The data of a container in the clear. Closing it overwrites the keys and leaves the device below open. */
export class PayloadDevice implements BlockDevice {
  readonly size: number;
  readonly sectorSize: number;
  readonly writable: boolean;
  readonly #parent: BlockDevice;
  readonly #cipher: SectorCipher;
  readonly #name: string;
  /** Writes go one after the other: those of parts of a sector read it first. */
  #tail: Promise<unknown> = Promise.resolve();
  #closed = false;

  /**
   * @param parent the encrypted bytes alone
   * @param name for errors: `/dev/mapper/luks-…`
   */
  constructor(
    parent: BlockDevice,
    cipher: SectorCipher,
    options: { readonly name: string; readonly writable: boolean },
  ) {
    this.#parent = parent;
    this.#cipher = cipher;
    this.#name = options.name;
    this.size = alignDown(parent.size, cipher.sectorSize);
    this.sectorSize = Math.max(parent.sectorSize, cipher.sectorSize) === 512 ? 512 : 4096;
    this.writable = parent.writable && options.writable;
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    checkSpan(this.#name, this.size, offset, length);
    if (length === 0) return new Uint8Array(0);
    const start = alignDown(offset, this.#cipher.sectorSize);
    const end = alignUp(offset + length, this.#cipher.sectorSize);
    const out = new Uint8Array(end - start);
    let next = this.#fetch(start, end, options);
    for (let at = start; at < end; at += RUN) {
      throwIfAborted(options?.signal, 'read');
      const run = await next;
      // The next run is under way while this one is decrypted.
      if (at + RUN < end) next = this.#fetch(at + RUN, end, options);
      const part = out.subarray(at - start, at - start + run.length);
      part.set(run);
      this.#decrypt(part, at);
    }
    return out.subarray(offset - start, offset - start + length);
  }

  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    requireWritable(this, this.#name);
    checkSpan(this.#name, this.size, offset, data.length);
    if (data.length === 0) return;
    const turn = this.#tail.then(() => this.#writeSectors(offset, data, options));
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  async flush(): Promise<void> {
    await this.#tail;
    await this.#parent.flush();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#tail;
    this.#cipher.close();
  }

  #fetch(at: number, end: number, options?: IoOptions): Promise<Uint8Array> {
    const run = this.#parent.read(at, Math.min(RUN, end - at), options);
    // A failure counts when its turn comes.
    run.catch(() => undefined);
    return run;
  }

  #decrypt(data: Uint8Array, offset: number): void {
    checkOpen(this.#closed, this.#name);
    this.#cipher.decrypt(data, offset);
  }

  async #writeSectors(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    const unit = this.#cipher.sectorSize;
    const end = offset + data.length;
    for (let at = alignDown(offset, unit); at < end; at += RUN) {
      const stop = Math.min(at + RUN, alignUp(end, unit));
      const run = new Uint8Array(stop - at);
      await this.#keepEdges(run, at, stop, offset, end);
      const from = Math.max(at, offset);
      run.set(data.subarray(from - offset, Math.min(stop, end) - offset), from - at);
      checkOpen(this.#closed, this.#name);
      this.#cipher.encrypt(run, at);
      await this.#parent.write(at, run, options);
    }
  }

  /** What lies beside the written bytes in their first and last sector. */
  async #keepEdges(run: Uint8Array, at: number, stop: number, offset: number, end: number): Promise<void> {
    const unit = this.#cipher.sectorSize;
    const edges = new Set<number>();
    if (offset > at) edges.add(at);
    if (end < stop) edges.add(stop - unit);
    for (const edge of edges) run.set(await this.read(edge, unit), edge - at);
  }
}

function checkOpen(closed: boolean, name: string): void {
  if (closed) throw new UsageError(`${name} is closed`);
}

/** The encrypted bytes of a payload. @throws TruncatedImageError when they end past the device */
export function payloadWindow(device: BlockDevice, offset: number, size: number | undefined): BlockDevice {
  const length = size ?? Math.max(0, device.size - offset);
  return new SliceDevice(device, offset, length, { name: 'LUKS payload' });
}
