import { fuzzGroup } from './fuzz-group.js';
import { makeNtfsCorpus, NTFS_NEEDS } from './ntfs-corpus.js';

fuzzGroup({ title: 'damaged NTFS volumes', needs: NTFS_NEEDS, worker: 'ntfs-worker.ts', make: makeNtfsCorpus });
