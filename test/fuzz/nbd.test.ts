import { fuzzGroup } from './fuzz-group.js';
import { makeNbdCorpus } from './nbd-corpus.js';

fuzzGroup({
  title: 'damaged NBD conversations',
  needs: ['nbdinfo', 'qemu-io'],
  worker: 'nbd-worker.ts',
  make: makeNbdCorpus,
});
