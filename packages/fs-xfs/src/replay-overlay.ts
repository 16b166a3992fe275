import type { BlockDevice, IoOptions } from '@vmcraft/core/contracts';
import { CapabilityError, LimitExceededError } from '@vmcraft/core/errors';
import { BASIC_BLOCK } from './log-layout.js';

const CHUNK = 4096;
/** Bytes that replay may hold; logs are at most 2 GiB, and what changes in them is much less. */
const MAX_BYTES = 2 ** 30;

interface Chunk {
  readonly data: Uint8Array;
  /** A bit for each basic block that replay wrote. */
  replayed: number;
}

/** A device as it is after the log was replayed. The device below keeps its bytes. */
export class ReplayOverlay implements BlockDevice {
  readonly writable = false;
  readonly #chunks = new Map<number, Chunk>();

  constructor(readonly below: BlockDevice) {}

  get size(): number {
    return this.below.size;
  }

  get sectorSize(): number {
    return this.below.sectorSize;
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const data = await this.below.read(offset, length, options);
    let out: Uint8Array | undefined;
    for (let at = offset - (offset % CHUNK); at < offset + length; at += CHUNK) {
      const chunk = this.#chunks.get(at);
      if (chunk === undefined) continue;
      out ??= data.slice();
      const from = Math.max(at, offset);
      out.set(chunk.data.subarray(from - at, Math.min(chunk.data.length, offset + length - at)), from - offset);
    }
    return out ?? data;
  }

  /** Whether replay wrote into any basic block of a span: its checksum is then that of an older state. */
  isReplayed(offset: number, length: number): boolean {
    for (let at = offset - (offset % BASIC_BLOCK); at < offset + length; at += BASIC_BLOCK) {
      const within = at % CHUNK;
      const chunk = this.#chunks.get(at - within);
      if (chunk !== undefined && (chunk.replayed & (1 << (within / BASIC_BLOCK))) !== 0) return true;
    }
    return false;
  }

  /** Put bytes that replay found. @throws LimitExceededError */
  async put(offset: number, data: Uint8Array): Promise<void> {
    for (let done = 0; done < data.length; ) {
      const at = offset + done;
      const start = at - (at % CHUNK);
      const chunk = await this.#chunk(start);
      const part = data.subarray(done, done + chunk.data.length - (at - start));
      chunk.data.set(part, at - start);
      const last = Math.floor((at - start + part.length - 1) / BASIC_BLOCK);
      for (let block = Math.floor((at - start) / BASIC_BLOCK); block <= last; block++) chunk.replayed |= 1 << block;
      done += part.length;
    }
  }

  async write(): Promise<void> {
    throw CapabilityError.readOnly('a replayed log');
  }

  flush(): Promise<void> {
    return this.below.flush();
  }

  /** The device below stays open: it is not this one's. */
  async close(): Promise<void> {
    this.#chunks.clear();
  }

  async #chunk(start: number): Promise<Chunk> {
    const held = this.#chunks.get(start);
    if (held !== undefined) return held;
    if (this.#chunks.size * CHUNK >= MAX_BYTES) {
      throw new LimitExceededError({ limit: 'bytes changed by the XFS log', value: MAX_BYTES + CHUNK, max: MAX_BYTES });
    }
    const data = await this.below.read(start, Math.min(CHUNK, this.below.size - start));
    const chunk = { data: data.slice(), replayed: 0 };
    this.#chunks.set(start, chunk);
    return chunk;
  }
}

/** Whether a log that was replayed changed this span of a device. */
export function isReplayed(device: BlockDevice, offset: number, length: number): boolean {
  return device instanceof ReplayOverlay && device.isReplayed(offset, length);
}
