import { FsError, UsageError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';
import { currentControlSet } from '../drivers/guest-windows.js';
import { requireMachineHive } from '../volume/hive-file.js';
import { RegistryEditor } from '../volume/registry-editor.js';
import { WindowsVolume } from '../volume/windows-volume.js';

/** When a service starts, as sc(1) of Windows names it. */
export const START_TYPES = ['boot', 'system', 'auto', 'demand', 'disabled', 'delayed-auto'] as const;

/** Name of a start type. */
export type StartType = (typeof START_TYPES)[number];

const AUTO = 2;
/** Drivers may start at boot; programs may not. */
const DRIVER_TYPES = 0xb;

/**
 * Change when a service or driver of the mounted Windows starts.
 * @param start a name of `START_TYPES`, or its number 0 to 4
 * @throws FsError ENOENT when there is no such service, UsageError for another start type
 */
export async function setService(g: Session, name: string, start: StartType | number): Promise<void> {
  const wanted = startNumber(start);
  if (name === '' || name.includes('\\'))
    throw new UsageError(`'${name}' is no name of a service`, { argument: 'name' });
  const volume = await WindowsVolume.open(g, 'set_service');
  await volume.requireWritable();
  const editor = new RegistryEditor(await requireMachineHive(volume, 'SYSTEM', true), 'SYSTEM');
  const key = `${await currentControlSet(editor.hive)}\\Services\\${name}`;
  if (!(await editor.hasKey(key))) {
    throw new FsError('ENOENT', { operation: 'set_service', reason: `there is no service '${name}'` });
  }
  const type = await editor.data(key, 'Type');
  const isProgram = typeof type === 'number' && (type & DRIVER_TYPES) === 0;
  if (wanted < AUTO && isProgram)
    throw new UsageError(`${name} is no driver and cannot start at ${START_TYPES[wanted]}`);
  await editor.setDword(key, 'Start', wanted);
  if (start === 'delayed-auto') await editor.setDword(key, 'DelayedAutostart', 1);
  else await editor.deleteValue(key, 'DelayedAutostart');
  // Windows lowers the start type of drivers that it did not need by this key.
  await editor.deleteKey(`${key}\\StartOverride`);
  await editor.commit();
}

function startNumber(start: StartType | number): number {
  const number = typeof start === 'number' || /^\d$/.test(start) ? Number(start) : START_TYPES.indexOf(start);
  if (start === 'delayed-auto') return AUTO;
  if (Number.isInteger(number) && number >= 0 && number <= 4) return number;
  throw new UsageError(`'${start}' is no start type; there are ${START_TYPES.join(', ')}`, { argument: 'start' });
}
