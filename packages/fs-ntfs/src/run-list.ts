import { CorruptImageError, LimitExceededError } from '@vmcraft/core/errors';

/** A run of clusters; `lcn` is {@link HOLE} where nothing is stored. */
export interface Run {
  readonly vcn: number;
  readonly lcn: number;
  readonly length: number;
}

/** LCN of a run that is not stored: it reads as zeros. */
export const HOLE = -1;

/** Bounds that a decoder keeps. */
export interface RunLimits {
  /** Clusters of the volume. */
  readonly totalClusters: number;
  /** Runs that one attribute may have. */
  readonly maxRuns: number;
}

const CITATION = 'Linux-NTFS documentation, "Data Runs"';
/** A VCN is a signed 64-bit number on the disk; what is above a safe integer no file reaches. */
const MAX_VCN = Number.MAX_SAFE_INTEGER;

function corrupt(reason: string, found?: unknown): CorruptImageError {
  return new CorruptImageError({ structure: 'mapping pairs', reason, found, citation: CITATION });
}

/** A little-endian number of up to 8 bytes; the sign is in the last one. */
function readNumber(data: Uint8Array, at: number, size: number, signed: boolean): number {
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + data[at + i]!;
  return signed && size > 0 && (data[at + size - 1]! & 0x80) !== 0 ? value - 256 ** size : value;
}

/** Where the clusters of an attribute lie, in order of VCN and without gaps from the first one on. */
export class RunList {
  readonly runs: Run[] = [];
  /** The VCN at which the list ends: one past its last. */
  end = 0;

  /** Add clusters at the end, joining them to the last run where they continue it. */
  append(lcn: number, length: number): void {
    if (length <= 0) return;
    const last = this.runs.at(-1);
    const joins =
      last !== undefined && (last.lcn === HOLE ? lcn === HOLE : lcn !== HOLE && last.lcn + last.length === lcn);
    if (joins) this.runs[this.runs.length - 1] = { ...last, length: last.length + length };
    else this.runs.push({ vcn: this.end, lcn, length });
    this.end += length;
  }

  /** Index of the run that holds `vcn`; -1 past the end. */
  indexOf(vcn: number): number {
    if (vcn >= this.end || vcn < 0) return -1;
    const { runs } = this;
    let low = 0;
    let high = runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (runs[middle]!.vcn <= vcn) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The stored clusters from `vcn` on: where they begin ({@link HOLE} for none) and how many follow on; undefined past the end. */
  at(vcn: number): { readonly lcn: number; readonly length: number } | undefined {
    const index = this.indexOf(vcn);
    if (index < 0) return undefined;
    const run = this.runs[index]!;
    const skip = vcn - run.vcn;
    return { lcn: run.lcn === HOLE ? HOLE : run.lcn + skip, length: run.length - skip };
  }

  /** Clusters that are stored. */
  get allocated(): number {
    let total = 0;
    for (const run of this.runs) if (run.lcn !== HOLE) total += run.length;
    return total;
  }

  get hasHoles(): boolean {
    return this.runs.some((run) => run.lcn === HOLE);
  }

  /** Cut everything from `vcn` on. @returns the stored clusters that were cut */
  truncate(vcn: number): Run[] {
    const cut: Run[] = [];
    while (this.end > vcn) {
      const last = this.runs.pop()!;
      const keep = Math.max(0, vcn - last.vcn);
      if (keep > 0) this.runs.push({ ...last, length: keep });
      if (last.lcn !== HOLE) cut.push({ vcn: last.vcn + keep, lcn: last.lcn + keep, length: last.length - keep });
      this.end = last.vcn + keep;
    }
    return cut;
  }

  /** Put other clusters (or a hole) in the place of [vcn, vcn + length), which must lie within the list. @returns the stored ones that were there */
  replace(vcn: number, length: number, pieces: readonly { readonly lcn: number; readonly length: number }[]): Run[] {
    const first = this.indexOf(vcn);
    const last = this.indexOf(vcn + length - 1);
    const affected = this.runs.slice(first, last + 1);
    const before = affected[0]!;
    const after = affected.at(-1)!;
    const replaced: Run[] = [];
    for (const run of affected) {
      const from = Math.max(run.vcn, vcn);
      const to = Math.min(run.vcn + run.length, vcn + length);
      if (run.lcn !== HOLE) replaced.push({ vcn: from, lcn: run.lcn + from - run.vcn, length: to - from });
    }
    const patch = new RunList();
    // Neighbours are taken in, so that the new pieces join them.
    const begin = first > 0 ? this.runs[first - 1]! : undefined;
    const finish = this.runs[last + 1];
    patch.end = (begin ?? before).vcn;
    if (begin !== undefined) patch.append(begin.lcn, begin.length);
    patch.append(before.lcn, vcn - before.vcn);
    for (const piece of pieces) patch.append(piece.lcn, piece.length);
    const tail = after.vcn + after.length - (vcn + length);
    patch.append(after.lcn === HOLE ? HOLE : after.lcn + after.length - tail, tail);
    if (finish !== undefined) patch.append(finish.lcn, finish.length);
    const start = begin === undefined ? first : first - 1;
    const end = finish === undefined ? last : last + 1;
    this.runs.splice(start, end - start + 1, ...patch.runs);
    return replaced;
  }

  clone(): RunList {
    const copy = new RunList();
    copy.runs.push(...this.runs);
    copy.end = this.end;
    return copy;
  }
}

/**
 * Decode mapping pairs and add their runs to a list.
 * @param data the pairs, up to the end of their attribute
 * @param expectedEnd one past the last VCN, as the attribute's header has it
 * @throws CorruptImageError, LimitExceededError
 */
export function decodeRuns(data: Uint8Array, list: RunList, expectedEnd: number, limits: RunLimits): void {
  let lcn = 0;
  let at = 0;
  while (at < data.length && data[at] !== 0) {
    const lengthSize = data[at]! & 0x0f;
    const offsetSize = data[at]! >> 4;
    if (lengthSize === 0 || lengthSize > 8 || offsetSize > 8) throw corrupt('a run has no valid header', data[at]);
    if (at + 1 + lengthSize + offsetSize > data.length) throw corrupt('a run goes past the end of its attribute');
    const length = readNumber(data, at + 1, lengthSize, true);
    if (length <= 0 || list.end + length > MAX_VCN) throw corrupt('a run has no valid length', length);
    if (list.end + length > expectedEnd) throw corrupt(`runs go past VCN ${expectedEnd - 1}`, list.end + length - 1);
    if (offsetSize === 0) list.append(HOLE, length);
    else {
      lcn += readNumber(data, at + 1 + lengthSize, offsetSize, true);
      // An LCN of -1 is how NTFS 3.0 beta wrote a hole; it lies outside the volume like any other such.
      if (lcn < 0 || lcn + length > limits.totalClusters) throw corrupt('a run lies outside the volume', lcn);
      list.append(lcn, length);
    }
    if (list.runs.length > limits.maxRuns) {
      const value = list.runs.length;
      throw new LimitExceededError({ limit: 'runs of an attribute', value, max: limits.maxRuns, option: 'maxExtents' });
    }
    at += 1 + lengthSize + offsetSize;
  }
  if (list.end !== expectedEnd) throw corrupt(`runs end at VCN ${list.end - 1}, not ${expectedEnd - 1}`);
}

/** Bytes that a signed number takes. */
function signedSize(value: number): number {
  let size = 1;
  for (let bound = 128; value >= bound || value < -bound; bound *= 256) size++;
  return size;
}

function pushNumber(out: number[], value: number, size: number): void {
  let rest = value < 0 ? value + 256 ** size : value;
  for (let i = 0; i < size; i++) {
    const byte = rest % 256;
    out.push(byte);
    rest = (rest - byte) / 256;
  }
}

/** Mapping pairs of part of a list. */
export interface EncodedRuns {
  /** With the terminating zero. */
  readonly bytes: Uint8Array;
  /** One past the last VCN that they cover. */
  readonly end: number;
}

/**
 * Encode runs from a VCN on, as many as go into `maxBytes`; whole runs only, and at least the terminator.
 * @param maxBytes room for the pairs and their terminator
 */
export function encodeRuns(list: RunList, from = 0, maxBytes = Number.POSITIVE_INFINITY): EncodedRuns {
  const out: number[] = [];
  let lcn = 0;
  let end = from;
  for (let index = list.indexOf(from); index >= 0 && index < list.runs.length; index++) {
    const run = list.runs[index]!;
    const skip = end - run.vcn;
    const length = run.length - skip;
    const lengthSize = signedSize(length);
    const delta = run.lcn + skip - lcn;
    const offsetSize = run.lcn === HOLE ? 0 : signedSize(delta);
    if (out.length + 1 + lengthSize + offsetSize + 1 > maxBytes) break;
    out.push(lengthSize | (offsetSize << 4));
    pushNumber(out, length, lengthSize);
    if (run.lcn !== HOLE) {
      pushNumber(out, delta, offsetSize);
      lcn = run.lcn + skip;
    }
    end += length;
  }
  out.push(0);
  return { bytes: Uint8Array.from(out), end };
}
