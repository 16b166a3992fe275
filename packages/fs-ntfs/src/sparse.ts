import type { FileExtent } from '@vmcraft/core/contracts';
import { type Attribute, isCompressed, sizeOf } from './attribute.js';
import { HOLE } from './run-list.js';

/** Runs of a value, in order and without gaps, ending with it. */
export function* extentsOf(attribute: Attribute, clusterSize: number): Generator<FileExtent> {
  const size = sizeOf(attribute);
  const body = attribute.nonResident;
  if (size === 0) return;
  if (body === undefined || isCompressed(attribute)) {
    yield { offset: 0, length: size, kind: 'data' };
    return;
  }
  for (const run of body.runs.runs) {
    const from = run.vcn * clusterSize;
    const to = Math.min(size, (run.vcn + run.length) * clusterSize);
    if (from >= to) return;
    const written = run.lcn === HOLE ? from : Math.min(to, Math.max(from, body.initializedSize));
    if (written > from) yield { offset: from, length: written - from, kind: 'data' };
    if (to > written) yield { offset: written, length: to - written, kind: run.lcn === HOLE ? 'hole' : 'unwritten' };
  }
}
