import { ntfsDriver } from '@vmcraft/fs-ntfs';
import { exerciseFs } from './exercise-filesystem.js';
import { mutateSample } from './mutation-loop.js';
import { PatchedDevice } from './patched.js';

/** A check looks at all of the volume: one for so many mutations. */
const CHECK_EVERY = 4;
let count = 0;

await mutateSample(async (_, data, __, write) => {
  // A check ends with findings, whatever the damage.
  if (!write && count++ % CHECK_EVERY === 0) await ntfsDriver.check?.(new PatchedDevice(data));
  await exerciseFs(ntfsDriver, new PatchedDevice(data), write);
});
