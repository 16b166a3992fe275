import { fuzzGroup } from './fuzz-group.js';
import { makeLvmCorpus } from './lvm-corpus.js';

fuzzGroup({ title: 'damaged volume groups', needs: [], worker: 'lvm-worker.ts', make: makeLvmCorpus });
