import { TruncatedImageError } from '@vmcraft/core/errors';

/** Where the bytes of a hive come from. Offsets and lengths are bytes. */
export interface HiveSource {
  /** Bytes. */
  readonly size: number;
  /** Exactly `length` bytes; the result may be a view that must not be changed. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** The bytes if they are in memory, else undefined: lets the hot paths go without waiting. */
  peek?(offset: number, length: number): Uint8Array | undefined;
}

/** A source that {@link Hive.commit} can write to in place. */
export interface HiveTarget extends HiveSource {
  /** Write within the current size. */
  write(offset: number, data: Uint8Array): Promise<void>;
  /** Set the size in bytes; new bytes read as zeros. */
  truncate(size: number): Promise<void>;
  /** Make everything written durable, where the target can. */
  flush?(): Promise<void>;
}

/** Whether a source can be written to. */
export function isHiveTarget(source: HiveSource): source is HiveTarget {
  const { write, truncate } = source as Partial<HiveTarget>;
  return typeof write === 'function' && typeof truncate === 'function';
}

/** A hive in memory. */
export class MemoryHive implements HiveTarget {
  #bytes: Uint8Array;
  #size: number;

  constructor(bytes: Uint8Array) {
    // Views of subclasses, such as Node's Buffer, are slower to make.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#size = bytes.length;
  }

  get size(): number {
    return this.#size;
  }

  /** The current contents; a view, valid until the next write. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  peek(offset: number, length: number): Uint8Array | undefined {
    if (offset < 0 || length < 0 || offset + length > this.#size) return undefined;
    return this.#bytes.subarray(offset, offset + length);
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    const data = this.peek(offset, length);
    if (data !== undefined) return Promise.resolve(data);
    const available = Math.max(0, this.#size - offset);
    return Promise.reject(new TruncatedImageError({ structure: 'hive', offset, needed: length, available }));
  }

  write(offset: number, data: Uint8Array): Promise<void> {
    if (offset < 0 || offset + data.length > this.#size) {
      const available = Math.max(0, this.#size - offset);
      return Promise.reject(new TruncatedImageError({ structure: 'hive', offset, needed: data.length, available }));
    }
    this.#bytes.set(data, offset);
    return Promise.resolve();
  }

  truncate(size: number): Promise<void> {
    if (size > this.#bytes.length) {
      const grown = new Uint8Array(size);
      grown.set(this.bytes());
      this.#bytes = grown;
    } else if (size < this.#size) {
      this.#bytes.fill(0, size, this.#size);
    }
    this.#size = size;
    return Promise.resolve();
  }
}

/** A source over bytes in memory. A commit writes into the same bytes until the hive grows; {@link MemoryHive.bytes} has the result. */
export function memorySource(bytes: Uint8Array): MemoryHive {
  return new MemoryHive(bytes);
}
