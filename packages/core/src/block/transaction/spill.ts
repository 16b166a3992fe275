import type { HostFile } from '../../contracts/index.js';

/** Slots of equal size in a private temporary file, for what does not fit in memory. The file is made on first use. */
export class Spill {
  readonly #create: () => Promise<HostFile>;
  readonly #slotSize: number;
  readonly #free: number[] = [];
  #file: HostFile | undefined;
  #slots = 0;

  /** @param slotSize bytes */
  constructor(create: () => Promise<HostFile>, slotSize: number) {
    this.#create = create;
    this.#slotSize = slotSize;
  }

  /** Store bytes in `slot`, or in a new one when it is undefined; returns the slot. */
  async store(slot: number | undefined, data: Uint8Array): Promise<number> {
    this.#file ??= await this.#create();
    const place = slot ?? this.#free.pop() ?? this.#slots++;
    try {
      await this.#file.write(place * this.#slotSize, data);
    } catch (error) {
      if (slot === undefined) this.#free.push(place);
      throw error;
    }
    return place;
  }

  /** Bytes of a slot. Starts reading at once, so a later `close` waits for it. */
  load(slot: number, within: number, length: number): Promise<Uint8Array> {
    return this.#file!.read(slot * this.#slotSize + within, length);
  }

  release(slot: number): void {
    this.#free.push(slot);
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}
