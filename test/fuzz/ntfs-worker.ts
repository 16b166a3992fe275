import { ntfsDriver } from '@vmcraft/fs-ntfs';
import { exerciseFs } from './exercise-filesystem.js';
import { mutateSample } from './mutation-loop.js';
import { PatchedDevice } from './patched.js';

await mutateSample(async (_, data, __, write) => {
  // A check ends with findings, whatever the damage.
  if (!write) await ntfsDriver.check?.(new PatchedDevice(data));
  await exerciseFs(ntfsDriver, new PatchedDevice(data), write);
});
