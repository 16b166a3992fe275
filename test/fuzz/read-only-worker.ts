import { readFileSync } from 'node:fs';
import { type BlockDevice, CapabilityError, type FsDriver } from '@vmcraft/core';
import { btrfsDriver } from '@vmcraft/fs-btrfs';
import { isoDriver, readBootCatalog } from '@vmcraft/fs-iso9660';
import { squashfsDriver } from '@vmcraft/fs-squashfs';
import { xfsDriver } from '@vmcraft/fs-xfs';
import { repairBtrfsChecksums } from './btrfs-checksums.js';
import { exerciseFs } from './exercise-filesystem.js';
import { mutateSample } from './mutation-loop.js';
import { PatchedDevice } from './patched.js';
import { logRecords, repairChecksums } from './xfs-checksums.js';

const DRIVERS: Readonly<Record<string, FsDriver>> = {
  btrfs: btrfsDriver,
  'btrfs-repaired': btrfsDriver,
  iso9660: isoDriver,
  squashfs: squashfsDriver,
  xfs: xfsDriver,
  'xfs-repaired': xfsDriver,
};

/** Records of the log of the undamaged sample. */
const records = process.argv[3] === 'xfs-repaired' ? logRecords(new Uint8Array(readFileSync(process.argv[2]!))) : [];

await mutateSample(async (kind, data) => {
  const device: BlockDevice = new PatchedDevice(data);
  const driver = DRIVERS[kind];
  if (driver === undefined) throw new CapabilityError({ capability: 'read', subject: kind, reason: 'no such driver' });
  data.sealed = false;
  if (kind === 'xfs-repaired') repairChecksums(data, records);
  if (kind === 'btrfs-repaired') repairBtrfsChecksums(data);
  data.sealed = true;
  await exerciseFs(driver, device, false);
  if (kind === 'iso9660') await readBootCatalog(device);
});
