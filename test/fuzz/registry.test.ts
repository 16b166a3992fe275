import { fuzzGroup } from './fuzz-group.js';
import { makeRegistryCorpus } from './registry-corpus.js';

fuzzGroup({
  title: 'damaged registry hives',
  needs: [],
  worker: 'registry-worker.ts',
  make: makeRegistryCorpus,
});
