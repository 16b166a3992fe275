export type { ArrayMember, ArrayOptions } from './array-member.js';
export { ConcatDevice } from './concat-device.js';
export { gfInverse, gfMultiply, gfPower, multiplyInPlace, multiplyXorInto, xorInto } from './gf256.js';
export { MirrorArray } from './mirror-array.js';
export { computeP, computeQ, type DamagedStripe, recoverData, updateParity } from './parity.js';
export { ParityArray, type ParityArrayOptions } from './parity-array.js';
export {
  PARITY_ALGORITHMS,
  type ParityAlgorithm,
  type ParityLayout,
  parityAlgorithm,
  parityLayout,
  type StripeRoles,
} from './parity-layout.js';
export { Raid10Array } from './raid10-array.js';
export { type ChunkCopy, type Raid10Geometry, raid10Copies, raid10Geometry } from './raid10-layout.js';
export { StripeArray, type StripeOptions } from './stripe-array.js';
export { Turns } from './turns.js';
