import { describe, expect, it } from 'vitest';
import { ClusterClaims } from '../src/check/cluster-claims.js';
import { Findings } from '../src/check/findings.js';
import { RecordFacts } from '../src/check/record-facts.js';
import type { Volume } from '../src/volume.js';

describe('a check of a volume that only says that it is vast', () => {
  it('ends before it takes memory for its records and clusters', () => {
    expect(() => new RecordFacts(2 ** 40)).toThrow(expect.objectContaining({ code: 'VMC_LIMIT' }));
    const volume = { geometry: { totalClusters: 2 ** 44 } } as Volume;
    expect(() => new ClusterClaims(volume, new Findings())).toThrow(expect.objectContaining({ code: 'VMC_LIMIT' }));
  });
});
