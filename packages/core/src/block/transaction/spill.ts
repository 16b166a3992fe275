import type { HostFile } from '../../contracts/index.js';

/** What goes into one slot. */
export interface SpillPart {
  /** Undefined for a new one. */
  readonly slot: number | undefined;
  /** A slot full of bytes. */
  readonly data: Uint8Array;
}

/** Slots of equal size in a private temporary file, for what does not fit in memory. The file is made on first use. */
export class Spill {
  readonly #create: () => Promise<HostFile>;
  readonly #slotSize: number;
  readonly #free: number[] = [];
  #file: HostFile | undefined;
  #slots = 0;
  #run = new Uint8Array(0);

  /** @param slotSize bytes */
  constructor(create: () => Promise<HostFile>, slotSize: number) {
    this.#create = create;
    this.#slotSize = slotSize;
  }

  /** Store slots' worth of bytes, each in its slot or in a new one; returns the slots. One call at a time. */
  async store(parts: readonly SpillPart[]): Promise<readonly number[]> {
    this.#file ??= await this.#create();
    const slots = parts.map(({ slot }) => slot ?? this.#free.pop() ?? this.#slots++);
    try {
      for (let i = 0; i < parts.length; ) {
        let end = i + 1;
        while (end < parts.length && slots[end] === slots[i]! + end - i) end++;
        await this.#file.write(slots[i]! * this.#slotSize, this.#joined(parts.slice(i, end)));
        i = end;
      }
    } catch (error) {
      for (const [i, { slot }] of parts.entries()) if (slot === undefined) this.#free.push(slots[i]!);
      throw error;
    }
    return slots;
  }

  /** Neighbours as one run of bytes, which is good until the next call. */
  #joined(parts: readonly SpillPart[]): Uint8Array {
    if (parts.length === 1) return parts[0]!.data;
    const length = parts.length * this.#slotSize;
    if (this.#run.length < length) this.#run = new Uint8Array(length);
    for (const [i, { data }] of parts.entries()) this.#run.set(data, i * this.#slotSize);
    return this.#run.subarray(0, length);
  }

  /**
   * Bytes from a slot on. Starts reading at once, so a later `close` waits for it.
   * @param into memory for them, of at least `length` bytes; where it is left out, or the host cannot, other memory is taken
   */
  async load(slot: number, within: number, length: number, into?: Uint8Array): Promise<Uint8Array> {
    const file = this.#file!;
    const offset = slot * this.#slotSize + within;
    if (into === undefined || file.readInto === undefined) return file.read(offset, length);
    return into.subarray(0, await file.readInto(offset, into.subarray(0, length)));
  }

  release(slot: number): void {
    this.#free.push(slot);
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}
