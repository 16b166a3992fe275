export { faultyDevice } from './faulty-device.js';
export { faultyHostFiles } from './faulty-host-files.js';
export { FaultCounter, type FaultPlan } from './plan.js';
export { seededRandom } from './random.js';
export { SimulatedInode } from './simulated-file.js';
export { SimulatedCrash, SimulatedHost, type SimulatedHostOptions } from './simulated-host.js';
