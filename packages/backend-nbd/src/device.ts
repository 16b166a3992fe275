import type { BlockDevice, BlockExtent, Discardable, IoOptions, SparseMap } from '@vmcraft/core';
import { alignDown, alignUp, CapabilityError, checkSpan, throwIfAborted, untilAborted } from '@vmcraft/core';
import type { NbdClient } from './client.js';

/** Longest single request; more are sent at once instead. */
const RUN = 1 << 20;

/** An NBD export as a device. */
export class NbdDevice implements BlockDevice, Discardable, SparseMap {
  readonly size: number;
  readonly sectorSize: 512 | 4096;
  readonly writable: boolean;

  constructor(
    private readonly client: NbdClient,
    options: { readonly readonly: boolean; readonly sectorSize?: 512 | 4096; readonly discard?: boolean },
  ) {
    this.size = client.info.size;
    this.sectorSize = options.sectorSize ?? 512;
    this.writable = !options.readonly && !client.info.readOnly;
    this.#discard = options.discard ?? true;
  }

  readonly #discard: boolean;

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    throwIfAborted(options?.signal, 'NBD read');
    checkSpan(this.client.peer, this.size, offset, length);
    const { minimumBlock } = this.client.info;
    const start = alignDown(offset, minimumBlock);
    const end = Math.min(alignUp(offset + length, minimumBlock), alignUp(this.size, minimumBlock));
    const wanted = this.#pieces(start, end - start);
    if (wanted.length === 1) {
      const [first] = wanted as [Piece];
      const data = await untilAborted(this.client.read(first.offset, first.length), options?.signal, 'NBD read');
      return data.subarray(offset - start, offset - start + length);
    }
    const out = new Uint8Array(end - start);
    const reads = wanted.map(async (p) => out.set(await this.client.read(p.offset, p.length), p.offset - start));
    await untilAborted(Promise.all(reads), options?.signal, 'NBD read');
    return out.subarray(offset - start, offset - start + length);
  }

  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    this.#checkWrite(offset, data.length, options);
    const { minimumBlock } = this.client.info;
    const start = alignDown(offset, minimumBlock);
    const end = alignUp(offset + data.length, minimumBlock);
    if (start === offset && end === offset + data.length) return this.#writeAligned(offset, data);
    const whole = (await this.read(start, Math.min(end, this.size) - start)).slice();
    whole.set(data, offset - start);
    return this.#writeAligned(start, whole);
  }

  async discard(offset: number, length: number, options?: IoOptions): Promise<void> {
    this.#checkWrite(offset, length, options);
    const { minimumBlock, canWriteZeroes } = this.client.info;
    const first = Math.min(alignUp(offset, minimumBlock), offset + length);
    const last = Math.max(first, alignDown(offset + length, minimumBlock));
    const zero = async (at: number, size: number): Promise<void> => {
      for (let done = 0; done < size; done += RUN)
        await this.write(at + done, new Uint8Array(Math.min(RUN, size - done)), options);
    };
    if (!canWriteZeroes || !this.#discard) return zero(offset, length);
    await zero(offset, first - offset);
    for (const p of this.#pieces(first, last - first, MAX_ZEROES)) await this.client.writeZeroes(p.offset, p.length);
    await zero(last, offset + length - last);
  }

  async *extents(offset: number, length: number): AsyncGenerator<BlockExtent> {
    checkSpan(this.client.peer, this.size, offset, length);
    const end = offset + length;
    if (this.client.info.allocationContext === undefined) {
      if (length > 0) yield { offset, length, kind: 'data' };
      return;
    }
    for (let at = offset; at < end; ) {
      const start = alignDown(at, this.client.info.minimumBlock);
      const runs = await this.client.allocation(
        start,
        Math.min(alignUp(end, this.client.info.minimumBlock) - start, MAX_ZEROES),
      );
      let position = start;
      for (const run of runs) {
        const from = Math.max(position, at);
        const to = Math.min(position + run.length, end);
        position += run.length;
        if (to > from)
          yield { offset: from, length: to - from, kind: run.zero ? (run.hole ? 'hole' : 'zero') : 'data' };
      }
      if (position <= at)
        throw new CapabilityError({
          capability: 'block status',
          subject: this.client.peer,
          reason: 'the server described nothing',
        });
      at = position;
    }
  }

  async flush(): Promise<void> {
    if (this.writable) await this.client.flush();
  }

  close(): Promise<void> {
    return this.client.close();
  }

  #checkWrite(offset: number, length: number, options?: IoOptions): void {
    if (!this.writable) throw CapabilityError.readOnly(this.client.peer);
    throwIfAborted(options?.signal, 'NBD write');
    checkSpan(this.client.peer, this.size, offset, length);
  }

  async #writeAligned(offset: number, data: Uint8Array): Promise<void> {
    await Promise.all(
      this.#pieces(offset, data.length).map((p) =>
        this.client.write(p.offset, data.subarray(p.offset - offset, p.offset - offset + p.length)),
      ),
    );
  }

  #pieces(offset: number, length: number, most = RUN): Piece[] {
    const step = alignDown(
      Math.max(Math.min(most, most === RUN ? this.client.info.maximumBlock : most), this.client.info.minimumBlock),
      this.client.info.minimumBlock,
    );
    const out: Piece[] = [];
    for (let at = offset; at < offset + length; at += step)
      out.push({ offset: at, length: Math.min(step, offset + length - at) });
    return out;
  }
}

/** Requests without payload may be this long: half of what 32 bits hold. */
const MAX_ZEROES = 1 << 30;

interface Piece {
  readonly offset: number;
  readonly length: number;
}
