import { CorruptImageError } from '../errors/index.js';

/** LZ4 block format, "Block Format Description": the shortest match, which the length of a match is counted from. */
const MIN_MATCH = 4;
/** A length nibble of 15 is followed by bytes that are added to it, up to the first that is not 255. */
const MORE = 15;

/**
 * Unpack one LZ4 block (LZ4 Block Format Description, 2022-03-30).
 * @param limit bytes that may come out
 * @throws CorruptImageError when the block is broken or longer
 */
export function decompressLz4(data: Uint8Array, limit: number): Uint8Array {
  const out = new Uint8Array(limit);
  let from = 0;
  let to = 0;
  const extend = (length: number): number => {
    let total = length;
    for (let more = 255; more === 255; total += more) {
      if (from >= data.length || total > limit) throw broken('a length', from);
      more = data[from++]!;
    }
    return total;
  };
  while (from < data.length) {
    const token = data[from++]!;
    const literals = token >> 4 === MORE ? extend(MORE) : token >> 4;
    if (from + literals > data.length || to + literals > limit) throw broken('literals', from);
    out.set(data.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    // The last sequence has literals only.
    if (from === data.length) return out.subarray(0, to);
    if (from + 2 > data.length) throw broken('an offset', from);
    const distance = data[from]! | (data[from + 1]! << 8);
    from += 2;
    const length = ((token & 15) === MORE ? extend(MORE) : token & 15) + MIN_MATCH;
    if (distance === 0 || distance > to || to + length > limit) throw broken('a match', from);
    copyMatch(out, to, distance, length);
    to += length;
  }
  throw broken('the last sequence', from);
}

/** Repeat `length` bytes from `distance` before `to`; they may overlap what is being written. */
export function copyMatch(out: Uint8Array, to: number, distance: number, length: number): void {
  if (distance >= length) out.copyWithin(to, to - distance, to - distance + length);
  else if (distance === 1) out.fill(out[to - 1]!, to, to + length);
  else for (let i = to; i < to + length; i++) out[i] = out[i - distance]!;
}

function broken(what: string, offset: number): CorruptImageError {
  const reason = `${what} at byte ${offset} of the packed data does not fit`;
  return new CorruptImageError({ structure: 'LZ4 block', reason });
}
