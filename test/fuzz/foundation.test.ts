import { FOUNDATION_NEEDS, makeFoundationCorpus } from './foundation-corpus.js';
import { fuzzGroup } from './fuzz-group.js';

fuzzGroup({
  title: 'damaged images, partition tables, ext and FAT',
  needs: FOUNDATION_NEEDS,
  worker: 'foundation-worker.ts',
  make: makeFoundationCorpus,
});
