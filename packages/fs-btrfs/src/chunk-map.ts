import { toSafeInteger } from '@vmcraft/core/binary';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { Chunk, KNOWN_BLOCK_GROUP, Profile, Stripe } from './layout.js';

/** A piece of one device. */
export interface Place {
  readonly devid: number;
  /** Bytes from the start of the device. */
  readonly offset: number;
}

/** Where a chunk begins on one of its devices. */
export interface ChunkStripe extends Place {
  /** UUID of the device. */
  readonly uuid: string;
}

/** One chunk: a range of logical addresses, and where it lies. Sizes are bytes. */
export interface ChunkInfo {
  readonly start: number;
  readonly length: number;
  readonly stripeLength: number;
  readonly stripes: readonly ChunkStripe[];
  readonly subStripes: number;
  /** Bits of what is in it and of its profile. */
  readonly type: bigint;
  readonly kind: 'single' | 'mirror' | 'raid0' | 'raid10' | 'raid5' | 'raid6';
}

/** One piece of a read: `length` bytes that lie together on each copy. */
export interface Piece {
  /** Copies, any of which has the bytes. */
  readonly copies: readonly Place[];
  readonly length: number;
  /** For parity: the chunk, and which row of it and place within the row's elements. */
  readonly parity?: {
    readonly chunk: ChunkInfo;
    readonly row: number;
    readonly within: number;
    readonly element: number;
  };
}

const MAX_STRIPES = 1024;

/**
 * A chunk from its item ("CHUNK_ITEM").
 * @throws CorruptImageError, UnsupportedFeatureError
 */
export function decodeChunk(start: number, raw: Uint8Array): { readonly chunk: ChunkInfo; readonly size: number } {
  const item = Chunk.decode(raw);
  const bad = (field: string, expected: unknown, found: unknown): CorruptImageError =>
    new CorruptImageError({ structure: 'btrfs_chunk', field, expected, found });
  if (item.numStripes === 0 || item.numStripes > MAX_STRIPES)
    throw bad('num_stripes', `1 to ${MAX_STRIPES}`, item.numStripes);
  const length = toSafeInteger(item.length, 'btrfs_chunk length');
  const stripeLength = toSafeInteger(item.stripeLength, 'stripe_len');
  const MIN_STRIPE = 4096;
  if (length === 0 || !Number.isSafeInteger(start + length)) throw bad('length', 'more than 0', length);
  if (stripeLength < MIN_STRIPE || (stripeLength & (stripeLength - 1)) !== 0)
    throw bad('stripe_len', 'a power of two', stripeLength);
  const stripes: ChunkStripe[] = [];
  for (let i = 0; i < item.numStripes; i++) {
    const stripe = Stripe.decode(raw, Chunk.size + i * Stripe.size);
    stripes.push({
      devid: toSafeInteger(stripe.devid, 'devid'),
      offset: toSafeInteger(stripe.offset, 'stripe offset'),
      uuid: stripe.deviceUuid,
    });
  }
  const kind = kindOf(item.type);
  const subStripes = kind === 'raid10' ? item.subStripes : 1;
  const parities = kind === 'raid5' ? 1 : kind === 'raid6' ? 2 : 0;
  if (stripes.length <= parities) throw bad('num_stripes', `more than ${parities}`, stripes.length);
  if (kind === 'raid10' && (subStripes < 1 || stripes.length % subStripes !== 0)) {
    throw bad('sub_stripes', 'a divisor of num_stripes', subStripes);
  }
  return {
    chunk: { start, length, stripeLength, stripes, subStripes, type: item.type, kind },
    size: Chunk.size + item.numStripes * Stripe.size,
  };
}

function kindOf(type: bigint): ChunkInfo['kind'] {
  if ((type & ~KNOWN_BLOCK_GROUP) !== 0n) {
    throw new UnsupportedFeatureError({ structure: 'btrfs_chunk', feature: `block group type 0x${type.toString(16)}` });
  }
  const has = (bit: bigint): boolean => (type & bit) !== 0n;
  if (has(Profile.raid0)) return 'raid0';
  if (has(Profile.raid10)) return 'raid10';
  if (has(Profile.raid5)) return 'raid5';
  if (has(Profile.raid6)) return 'raid6';
  return has(Profile.raid1) || has(Profile.dup) || has(Profile.raid1c3) || has(Profile.raid1c4) ? 'mirror' : 'single';
}

/** All chunks of a file system, by logical address. */
export class ChunkMap {
  readonly #chunks: ChunkInfo[] = [];

  /** @throws CorruptImageError when two overlap that are not the same */
  add(chunk: ChunkInfo): void {
    const at = this.#indexAfter(chunk.start);
    const before = this.#chunks[at - 1];
    if (before !== undefined && before.start === chunk.start && before.length === chunk.length) return;
    const after = this.#chunks[at];
    const overlaps =
      (before !== undefined && before.start + before.length > chunk.start) ||
      (after !== undefined && chunk.start + chunk.length > after.start);
    if (overlaps)
      throw new CorruptImageError({
        structure: 'btrfs_chunk',
        field: 'start',
        found: chunk.start,
        expected: 'no other chunk',
      });
    this.#chunks.splice(at, 0, chunk);
  }

  /** Device ids that the chunks name. */
  get devids(): ReadonlySet<number> {
    return new Set(this.#chunks.flatMap((chunk) => chunk.stripes.map((stripe) => stripe.devid)));
  }

  /** All of them, in order. */
  get chunks(): readonly ChunkInfo[] {
    return this.#chunks;
  }

  /** Where `length` bytes at a logical address begin, as far as they lie together. @throws CorruptImageError */
  piece(logical: number, length: number): Piece {
    const chunk = this.#chunks[this.#indexAfter(logical) - 1];
    if (chunk === undefined || logical >= chunk.start + chunk.length) {
      throw new CorruptImageError({
        structure: 'btrfs logical address',
        field: 'address',
        found: logical,
        expected: 'inside a chunk',
      });
    }
    const offset = logical - chunk.start;
    const inChunk = Math.min(length, chunk.length - offset);
    if (chunk.kind === 'single' || chunk.kind === 'mirror') {
      const stripes = chunk.kind === 'single' ? chunk.stripes.slice(0, 1) : chunk.stripes;
      return { copies: stripes.map((s) => ({ devid: s.devid, offset: s.offset + offset })), length: inChunk };
    }
    return striped(chunk, offset, inChunk);
  }

  /** Index of the first chunk that begins after `logical`. */
  #indexAfter(logical: number): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks[middle] as ChunkInfo).start <= logical) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** RAID 0, 10, 5 and 6: elements of `stripe_len` dealt out in rows; parity moves one device on with every row. */
function striped(chunk: ChunkInfo, offset: number, length: number): Piece {
  const { stripeLength, stripes, kind, subStripes } = chunk;
  const number = Math.floor(offset / stripeLength);
  const within = offset % stripeLength;
  const part = Math.min(length, stripeLength - within);
  const at = (index: number, row: number): Place => {
    const stripe = stripes[index] as Place;
    return { devid: stripe.devid, offset: stripe.offset + row * stripeLength + within };
  };
  if (kind === 'raid0' || kind === 'raid10') {
    const columns = stripes.length / subStripes;
    const row = Math.floor(number / columns);
    const first = (number % columns) * subStripes;
    return { copies: Array.from({ length: subStripes }, (_, i) => at(first + i, row)), length: part };
  }
  const data = stripes.length - (kind === 'raid5' ? 1 : 2);
  const row = Math.floor(number / data);
  const element = number % data;
  return { copies: [at((row + element) % stripes.length, row)], length: part, parity: { chunk, row, within, element } };
}
