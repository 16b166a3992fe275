/** A reproducible stream of numbers: the same seed gives the same mutations (xorshift32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (Math.imul(seed, 2_654_435_761) ^ 0x9e3779b9) >>> 0 || 1;
  }

  /** 0 ≤ result < `limit`. */
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % Math.max(1, limit);
  }
}

/** Sectors that hold anything: where flipping a bit matters. */
export function usedSectors(data: Uint8Array): number[] {
  const out: number[] = [];
  for (let at = 0; at < data.length; at += 512) {
    if (data.subarray(at, at + 512).some((b) => b !== 0)) out.push(at);
  }
  return out;
}

/** Values that break arithmetic: borders of the integer widths. */
const BORDERS = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0];

/** Bytes most structures start in: half of all mutations go there. */
const HEAD_SECTORS = 24;

/** Bytes that differ from a shared base in a few sectors, so that a damaged sample costs no copy. */
export class PatchedBytes {
  readonly #patches = new Map<number, Uint8Array>();
  /** Set while nobody may write: what a read-only session must respect. */
  sealed = false;

  constructor(
    private readonly base: Uint8Array,
    public size = base.length,
  ) {}

  /** Bytes of [offset, offset + length); what lies past the base is zeros. */
  read(offset: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    out.set(this.base.subarray(Math.min(offset, this.base.length), Math.min(offset + length, this.base.length)));
    if (this.#patches.size === 0) return out;
    for (let at = offset - (offset % 512); at < offset + length; at += 512) {
      const patch = this.#patches.get(at);
      if (patch === undefined) continue;
      const from = Math.max(at, offset);
      out.set(patch.subarray(from - at, Math.min(512, offset + length - at)), from - offset);
    }
    return out;
  }

  /** Offsets of the sectors that were written. */
  touched(): number[] {
    return [...this.#patches.keys()];
  }

  write(offset: number, data: Uint8Array): void {
    if (this.sealed) throw new Error(`a read-only session wrote ${data.length} bytes at ${offset}`);
    for (let done = 0; done < data.length; ) {
      const at = offset + done;
      const start = at - (at % 512);
      const patch = this.#patches.get(start) ?? this.read(start, 512);
      const part = data.subarray(done, done + 512 - (at - start));
      patch.set(part, at - start);
      this.#patches.set(start, patch);
      done += part.length;
    }
  }
}

/** A damaged form of `base`. The seed says all about it. */
export function mutate(base: Uint8Array, sectors: readonly number[], seed: number): PatchedBytes {
  const random = new Random(seed);
  if (random.below(12) === 0) return new PatchedBytes(base, random.below(base.length));
  const out = new PatchedBytes(base);
  for (let n = 1 + random.below(4); n > 0; n--) {
    const among = random.below(2) === 0 ? Math.min(HEAD_SECTORS, sectors.length) : sectors.length;
    const sector = sectors[random.below(among)] ?? 0;
    const within = random.below(504);
    const data = out.read(sector, 512);
    const view = new DataView(data.buffer);
    const kind = random.below(6);
    if (kind <= 1) data[within] = (data[within] as number) ^ (1 << random.below(8));
    else if (kind === 2) view.setUint32(within & ~3, BORDERS[random.below(BORDERS.length)] as number, true);
    else if (kind === 3) view.setUint32(within & ~3, BORDERS[random.below(BORDERS.length)] as number, false);
    else if (kind === 4) view.setUint16(within & ~1, random.below(0x10000), true);
    else data.set(out.read(sectors[random.below(sectors.length)] ?? 0, 512));
    out.write(sector, data);
  }
  return out;
}
