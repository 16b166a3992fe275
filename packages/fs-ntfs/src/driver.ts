import type { FsDriver } from '@vmcraft/core/contracts';
import { format } from './format/format.js';
import { DRIVER, openFileSystem, probe } from './open.js';

/** Driver of NTFS. */
export const ntfsDriver: FsDriver = {
  name: DRIVER,
  probe,
  open: openFileSystem,
  format,
  check: async (device) => (await import('./check/check.js')).checkNtfs(device),
};
