import { throwIfAborted } from '@vmcraft/core/block';
import type { IoOptions } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import type { NonResident } from './attribute.js';
import type { ClusterSource } from './attribute-reader.js';
import { decompressLznt1 } from './compression/lznt1.js';
import { HOLE, type Run } from './run-list.js';

/** Linux-NTFS "Compression": units of 16 clusters; NTFS compresses only with clusters of up to 4 KiB. */
const MAX_UNIT_BYTES = 1024 * 1024;

/** The stored clusters of one compression unit, and how many of its clusters are holes. */
function unitRuns(body: NonResident, vcn: number, clusters: number): { runs: Run[]; holes: number } {
  const runs: Run[] = [];
  let holes = 0;
  for (let at = vcn; at < vcn + clusters; ) {
    const found = body.runs.at(at);
    // A value may end within its last unit; what is not mapped there counts as a hole.
    if (found === undefined) return { runs, holes: holes + vcn + clusters - at };
    const length = Math.min(found.length, vcn + clusters - at);
    if (found.lcn === HOLE) holes += length;
    else if (holes > 0) {
      throw new CorruptImageError({
        structure: 'compression unit',
        field: `VCN ${vcn}`,
        reason: 'stored clusters follow a hole',
        citation: 'Linux-NTFS documentation, "Compression"',
      });
    } else runs.push({ vcn: at, lcn: found.lcn, length });
    at += length;
  }
  return { runs, holes };
}

async function readUnit(
  source: ClusterSource,
  body: NonResident,
  vcn: number,
  clusters: number,
  io: IoOptions | undefined,
): Promise<Uint8Array | undefined> {
  const { clusterSize } = source.geometry;
  const { runs, holes } = unitRuns(body, vcn, clusters);
  if (runs.length === 0) return undefined;
  const stored = new Uint8Array((clusters - holes) * clusterSize);
  let at = 0;
  for (const run of runs) {
    stored.set(await source.device.read(run.lcn * clusterSize, run.length * clusterSize, io), at);
    at += run.length * clusterSize;
  }
  // A unit that has all its clusters did not become smaller, and is stored as it is.
  if (holes === 0) return stored;
  const plain = new Uint8Array(clusters * clusterSize);
  decompressLznt1(stored, plain);
  return plain;
}

/** Read a part of a value compressed by LZNT1; `offset + wanted` is within the value. @throws CorruptImageError */
export async function readCompressed(
  source: ClusterSource,
  body: NonResident,
  offset: number,
  wanted: number,
  options?: IoOptions,
): Promise<Uint8Array> {
  const clusters = 2 ** body.compressionUnit;
  const unit = clusters * source.geometry.clusterSize;
  if (body.compressionUnit === 0 || unit > MAX_UNIT_BYTES) {
    throw new CorruptImageError({
      structure: 'compressed attribute',
      field: 'compression unit',
      found: body.compressionUnit,
      expected: `units of up to ${MAX_UNIT_BYTES} bytes`,
    });
  }
  const end = Math.max(offset, Math.min(offset + wanted, body.initializedSize));
  if (Math.ceil(end / source.geometry.clusterSize) > body.runs.end && end > offset) {
    throw new CorruptImageError({ structure: 'compressed attribute', field: 'mapping pairs', found: body.runs.end });
  }
  const out = new Uint8Array(wanted);
  const last = Math.ceil(end / unit);
  for (let index = Math.floor(offset / unit); index < last; index++) {
    throwIfAborted(options?.signal, 'read');
    const plain = await readUnit(source, body, index * clusters, clusters, options);
    if (plain === undefined) continue;
    const from = Math.max(offset, index * unit);
    const to = Math.min(end, (index + 1) * unit);
    out.set(plain.subarray(from - index * unit, to - index * unit), from - offset);
  }
  return out;
}
