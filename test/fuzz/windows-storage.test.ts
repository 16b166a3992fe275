import { fuzzGroup } from './fuzz-group.js';
import { makeWindowsStorageCorpus } from './windows-storage-corpus.js';

fuzzGroup({
  title: 'damaged BitLocker volumes and dynamic disks',
  needs: [],
  worker: 'windows-storage-worker.ts',
  make: makeWindowsStorageCorpus,
});
