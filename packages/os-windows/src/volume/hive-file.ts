import { FsError } from '@vmcraft/core/errors';
import type { Hive } from '@vmcraft/format-regf';
import { openGuestHive } from '../registry/guest-hive.js';
import type { WindowsVolume } from './windows-volume.js';

/** Hives of the machine that edits concern. */
export type MachineHive = 'SYSTEM' | 'SOFTWARE' | 'SAM' | 'DRIVERS';

/**
 * Open a hive of the machine with the logs beside it. Changes reach the file by its `commit()`.
 * @returns undefined when there is no such file
 */
export async function openMachineHive(
  volume: WindowsVolume,
  name: MachineHive,
  writable: boolean,
): Promise<Hive | undefined> {
  const path = pathOf(volume, name);
  if (!(await volume.isFile(path))) return undefined;
  const options = { writable, operation: volume.action, warn: volume.g.warn };
  return openGuestHive(volume.g.vfs, await volume.truePath(path), options);
}

/** As {@link openMachineHive}. @throws FsError ENOENT */
export async function requireMachineHive(volume: WindowsVolume, name: MachineHive, writable: boolean): Promise<Hive> {
  const hive = await openMachineHive(volume, name, writable);
  if (hive !== undefined) return hive;
  throw new FsError('ENOENT', { operation: volume.action, path: pathOf(volume, name) });
}

const pathOf = (volume: WindowsVolume, name: MachineHive): string => `${volume.systemRoot}/System32/config/${name}`;
