import { LimitExceededError } from '@vmcraft/core/errors';
import { type Attribute, sizeOf } from '../attribute.js';
import { readAttribute } from '../attribute-reader.js';
import { AttributeType, SystemFile } from '../layout.js';
import { HOLE, type RunList } from '../run-list.js';
import type { Volume } from '../volume.js';
import type { Findings } from './findings.js';

/** Bytes of one piece of the map; it covers eight times as many clusters. */
const PIECE = 65536;
const PIECE_CLUSTERS = PIECE * 8;
/** Windows makes no volume with more. */
const MAX_CLUSTERS = 2 ** 32;
/** Places shown of each kind. */
const MAX_SHOWN = 5;

/** A row of clusters that have the same thing wrong with them. */
interface Wrong {
  readonly first: number;
  length: number;
}

/** Which clusters the attributes of all files have, to be compared with what $Bitmap says. */
export class ClusterClaims {
  readonly #pieces = new Map<number, Uint8Array>();
  /** Clusters that are still taken note of: files that claim the whole volume, again and again, must not cost the time. */
  #left: number;

  constructor(
    private readonly volume: Volume,
    private readonly findings: Findings,
  ) {
    const { totalClusters } = volume.geometry;
    if (totalClusters > MAX_CLUSTERS)
      throw new LimitExceededError({ limit: 'clusters of a volume', value: totalClusters, max: MAX_CLUSTERS });
    this.#left = 2 * totalClusters;
  }

  /** An attribute has these clusters. */
  claim(runs: RunList, owner: string): void {
    for (const { lcn, length } of runs.runs) {
      if (lcn === HOLE) continue;
      if (this.#left >= 0 && this.#left < length) {
        this.findings.error(`${owner}: the files have far more clusters than the volume`);
      }
      this.#left = this.#left < length ? -1 : this.#left - length;
      if (this.#left >= 0) this.#claimRun(lcn, length, owner);
    }
  }

  #claimRun(lcn: number, length: number, owner: string): void {
    const twice: Wrong[] = [];
    for (let cluster = lcn; cluster < lcn + length; cluster++) {
      const piece = this.#piece(Math.floor(cluster / PIECE_CLUSTERS));
      const within = cluster % PIECE_CLUSTERS;
      const [at, bit] = [within >> 3, 1 << (within & 7)];
      if ((piece[at]! & bit) !== 0) note(twice, cluster);
      piece[at]! |= bit;
    }
    if (twice.length > 0) this.findings.error(`${owner}: ${describe(twice)} belong to another file too`);
  }

  #piece(index: number): Uint8Array {
    let piece = this.#pieces.get(index);
    if (piece === undefined) {
      piece = new Uint8Array(PIECE);
      this.#pieces.set(index, piece);
    }
    return piece;
  }

  /** Compare with $Bitmap. @param complete all attributes were readable, so that a cluster of nobody is lost */
  async compare(complete: boolean): Promise<void> {
    const { totalClusters } = this.volume.geometry;
    const bitmap = (await this.volume.mft.load(SystemFile.bitmap)).require(AttributeType.data);
    if (sizeOf(bitmap) * 8 < totalClusters) {
      this.findings.error(`$Bitmap has ${sizeOf(bitmap)} bytes for ${totalClusters} clusters`);
    }
    const [lost, unmarked]: [Wrong[], Wrong[]] = [[], []];
    for (let first = 0; first < totalClusters; first += PIECE_CLUSTERS) {
      const marked = await this.#marked(bitmap, first / 8);
      const claimed = this.#pieces.get(first / PIECE_CLUSTERS) ?? new Uint8Array(PIECE);
      const count = Math.min(PIECE_CLUSTERS, totalClusters - first);
      compareBits(marked, claimed, first, count, lost, unmarked);
    }
    if (unmarked.length > 0) this.findings.error(`${describe(unmarked)} are in use, but free in $Bitmap`);
    if (lost.length === 0) return;
    const message = `${describe(lost)} are in use in $Bitmap, but belong to no file`;
    if (complete) this.findings.error(message);
    else this.findings.warning(message);
  }

  async #marked(bitmap: Attribute, offset: number): Promise<Uint8Array> {
    const piece = new Uint8Array(PIECE);
    const length = Math.min(PIECE, sizeOf(bitmap) - offset);
    if (length > 0) piece.set(await readAttribute(this.volume, bitmap, offset, length));
    return piece;
  }
}

function note(list: Wrong[], cluster: number): void {
  const last = list.at(-1);
  if (last !== undefined && last.first + last.length === cluster) last.length++;
  else list.push({ first: cluster, length: 1 });
}

function compareBits(
  marked: Uint8Array,
  claimed: Uint8Array,
  first: number,
  count: number,
  lost: Wrong[],
  unmarked: Wrong[],
): void {
  for (let at = 0; at * 8 < count; at++) {
    const [m, c] = [marked[at]!, claimed[at]!];
    if (m === c) continue;
    for (let bit = 0; bit < 8 && at * 8 + bit < count; bit++) {
      const mask = 1 << bit;
      if ((m & mask) === (c & mask)) continue;
      note((m & mask) === 0 ? unmarked : lost, first + at * 8 + bit);
    }
  }
}

function describe(list: readonly Wrong[]): string {
  const total = list.reduce((sum, { length }) => sum + length, 0);
  const shown = list
    .slice(0, MAX_SHOWN)
    .map(({ first, length }) => `${first}${length > 1 ? `-${first + length - 1}` : ''}`);
  return `${total} cluster(s) (${shown.join(', ')}${list.length > MAX_SHOWN ? ', …' : ''})`;
}
