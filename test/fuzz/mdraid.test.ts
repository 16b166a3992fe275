import { fuzzGroup } from './fuzz-group.js';
import { makeMdraidCorpus } from './mdraid-corpus.js';

fuzzGroup({ title: 'damaged arrays', needs: [], worker: 'mdraid-worker.ts', make: makeMdraidCorpus });
