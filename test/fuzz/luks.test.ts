import { fuzzGroup } from './fuzz-group.js';
import { makeLuksCorpus } from './luks-corpus.js';

fuzzGroup({
  title: 'damaged LUKS containers',
  needs: [],
  worker: 'luks-worker.ts',
  make: makeLuksCorpus,
});
