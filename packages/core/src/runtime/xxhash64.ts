/** Primes of XXH64 (xxHash fast digest algorithm, "XXH64 Algorithm Description"). */
const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;
const STRIPE = 32;

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);
const rotate = (value: bigint, bits: bigint): bigint => wrap((value << bits) | (value >> (64n - bits)));
const round = (lane: bigint, input: bigint): bigint => wrap(rotate(wrap(lane + wrap(input * P2)), 31n) * P1);
const merge = (hash: bigint, lane: bigint): bigint => wrap((hash ^ round(0n, lane)) * P1 + P4);

/** XXH64 with seed 0, over chunks. */
export class Xxhash64 {
  readonly #lanes: [bigint, bigint, bigint, bigint] = [wrap(P1 + P2), P2, 0n, wrap(-P1)];
  readonly #pending = new Uint8Array(STRIPE);
  #held = 0;
  #length = 0;

  update(chunk: Uint8Array): void {
    this.#length += chunk.length;
    let at = 0;
    if (this.#held > 0) {
      at = Math.min(STRIPE - this.#held, chunk.length);
      this.#pending.set(chunk.subarray(0, at), this.#held);
      this.#held += at;
      if (this.#held < STRIPE) return;
      this.#stripes(this.#pending);
    }
    const whole = at + Math.floor((chunk.length - at) / STRIPE) * STRIPE;
    this.#stripes(chunk.subarray(at, whole));
    this.#pending.set(chunk.subarray(whole));
    this.#held = chunk.length - whole;
  }

  #stripes(data: Uint8Array): void {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    for (let at = 0; at < data.length; at += STRIPE) {
      for (let lane = 0; lane < 4; lane++) {
        this.#lanes[lane] = round(this.#lanes[lane]!, view.getBigUint64(at + lane * 8, true));
      }
    }
  }

  digest(): bigint {
    const [a, b, c, d] = this.#lanes;
    let hash = P5;
    if (this.#length >= STRIPE) {
      hash = wrap(rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n));
      for (const lane of this.#lanes) hash = merge(hash, lane);
    }
    hash = this.#tail(wrap(hash + BigInt(this.#length)));
    hash = wrap((hash ^ (hash >> 33n)) * P2);
    hash = wrap((hash ^ (hash >> 29n)) * P3);
    return hash ^ (hash >> 32n);
  }

  #tail(start: bigint): bigint {
    const view = new DataView(this.#pending.buffer, 0, this.#held);
    let hash = start;
    let at = 0;
    for (; at + 8 <= this.#held; at += 8) {
      hash = wrap(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4);
    }
    for (; at + 4 <= this.#held; at += 4) {
      hash = wrap(rotate(hash ^ wrap(BigInt(view.getUint32(at, true)) * P1), 23n) * P2 + P3);
    }
    for (; at < this.#held; at++) hash = wrap(rotate(hash ^ wrap(BigInt(view.getUint8(at)) * P5), 11n) * P1);
    return hash;
  }
}
