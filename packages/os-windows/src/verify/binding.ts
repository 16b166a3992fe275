import type { Hive } from '@vmcraft/format-regf';
import { criticalDeviceKey } from '../drivers/critical-devices.js';
import { type GuestWindows, usesDriverDatabase } from '../drivers/guest-windows.js';

/** INFs that one id may be bound by. */
const MAX_INFS = 256;

/** How an id leads to a service. */
export interface Binding {
  /** The id that matched, of those the device presents. */
  readonly id: string;
  /** `oem3.inf`; undefined where CriticalDeviceDatabase binds without one. */
  readonly inf?: string;
  /** Name in the driver store. */
  readonly package?: string;
  readonly service?: string;
  /** The link that is missing between the id and a service. */
  readonly broken?: string;
}

/** The binding of the first id that leads to a service; else the first that breaks; undefined when no id is known. */
export async function findBinding(
  system: Hive,
  guest: GuestWindows,
  ids: readonly string[],
): Promise<Binding | undefined> {
  let broken: Binding | undefined;
  for (const id of ids) {
    const bindings = usesDriverDatabase(guest)
      ? await inDatabase(system, id)
      : await inCriticalDevices(system, guest, id);
    const whole = bindings.find((binding) => binding.broken === undefined);
    if (whole !== undefined) return whole;
    broken ??= bindings[0];
  }
  return broken;
}

async function inCriticalDevices(system: Hive, guest: GuestWindows, id: string): Promise<readonly Binding[]> {
  const path = `${guest.controlSet}\\Control\\CriticalDeviceDatabase\\${criticalDeviceKey(id)}`;
  const key = await system.key(path);
  if (key === undefined) return [];
  const service = (await key.value('Service'))?.data;
  if (typeof service !== 'string' || service === '') return [{ id, broken: `${path} names no Service` }];
  if (typeof (await key.value('ClassGUID'))?.data !== 'string')
    return [{ id, service, broken: `${path} has no ClassGUID` }];
  const owner = (await (await system.key(`${guest.controlSet}\\Services\\${service}`))?.value('DriverPackageId'))?.data;
  return [{ id, service, ...(typeof owner === 'string' ? { package: owner } : {}) }];
}

async function inDatabase(system: Hive, id: string): Promise<readonly Binding[]> {
  const key = await system.key(`DriverDatabase\\DeviceIds\\${id}`);
  const values = (await key?.valueList()) ?? [];
  const infs = values.filter(({ name }) => name.toLowerCase().endsWith('.inf')).slice(0, MAX_INFS);
  // A lower first byte is a better rank; the last package of equal rank is the newest.
  const ranked = infs.sort(
    (a, b) => (a.raw[0] ?? 0xff) - (b.raw[0] ?? 0xff) || Number(isOem(b.name)) - Number(isOem(a.name)),
  );
  return Promise.all(ranked.map(({ name }) => resolveInf(system, id, name)));
}

const isOem = (inf: string): boolean => /^oem\d+\.inf$/i.test(inf);

async function resolveInf(system: Hive, id: string, inf: string): Promise<Binding> {
  const infKey = await system.key(`DriverDatabase\\DriverInfFiles\\${inf}`);
  const active = (await infKey?.value('Active'))?.data;
  if (typeof active !== 'string') return { id, inf, broken: `DriverInfFiles\\${inf} names no active package` };
  const base = { id, inf, package: active };
  const path = `DriverDatabase\\DriverPackages\\${active}`;
  const pack = await system.key(path);
  if (pack === undefined) return { ...base, broken: `DriverPackages\\${active} is missing` };
  if ((await pack.value('Version'))?.raw.length !== 48)
    return { ...base, broken: `DriverPackages\\${active} has no Version` };
  const configuration = (await (await pack.key(`Descriptors\\${id}`))?.value('Configuration'))?.data;
  if (typeof configuration !== 'string') return { ...base, broken: `no Descriptors\\${id} in ${active}` };
  const service = (await (await pack.key(`Configurations\\${configuration}`))?.value('Service'))?.data;
  if (typeof service !== 'string' || service === '') {
    return { ...base, broken: `Configurations\\${configuration} of ${active} names no Service` };
  }
  return { ...base, service };
}
