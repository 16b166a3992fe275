import { fuzzGroup } from './fuzz-group.js';
import { makeWindowsCorpus } from './windows-corpus.js';

fuzzGroup({
  title: 'damaged driver INFs, catalogs and account values',
  needs: [],
  worker: 'windows-worker.ts',
  make: makeWindowsCorpus,
});
