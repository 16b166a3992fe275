import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import type { Hive, HiveKey } from '@vmcraft/format-regf';
import type { InfArchitecture, InfTarget } from '../inf/index.js';

/** What the registry says of the Windows that is edited. */
export interface GuestWindows extends InfTarget {
  readonly architecture: 'x86' | 'amd64' | 'arm64';
  readonly productName: string;
  /** `ControlSet001`: the one that Select\Current names. */
  readonly controlSet: string;
}

const ARCHITECTURES: Readonly<Record<string, GuestWindows['architecture']>> = {
  x86: 'x86',
  amd64: 'amd64',
  arm64: 'arm64',
};
/** ProductOptions\ProductType. */
const PRODUCT_TYPES: Readonly<Record<string, InfTarget['productType']>> = { winnt: 1, lanmannt: 2, servernt: 3 };

/** Read the facts. @throws CorruptImageError when the hives do not say, UnsupportedFeatureError for other processors */
export async function readGuestWindows(system: Hive, software: Hive): Promise<GuestWindows> {
  const version = await software.key('Microsoft\\Windows NT\\CurrentVersion');
  if (version === undefined) throw missing('SOFTWARE', 'Microsoft\\Windows NT\\CurrentVersion');
  const controlSet = await currentControlSet(system);
  const [major, minor] = await ntVersion(version);
  const build = Number((await text(version, 'CurrentBuildNumber')) ?? (await text(version, 'CurrentBuild')) ?? '0');
  const options = await system.key(`${controlSet}\\Control\\ProductOptions`);
  const type = options === undefined ? undefined : await text(options, 'ProductType');
  return {
    architecture: await architectureOf(system, controlSet),
    major,
    minor,
    build: Number.isSafeInteger(build) ? build : 0,
    productType: PRODUCT_TYPES[type?.toLowerCase() ?? ''] ?? 1,
    productName: (await text(version, 'ProductName')) ?? 'Windows',
    controlSet,
  };
}

/** `ControlSet00N` of Select\Current. @throws CorruptImageError */
export async function currentControlSet(system: Hive): Promise<string> {
  const select = await system.key('Select');
  const current = await select?.value('Current');
  const number = current?.data;
  if (typeof number !== 'number' || number < 1 || number > 999) throw missing('SYSTEM', 'Select\\Current');
  const name = `ControlSet${number.toString().padStart(3, '0')}`;
  if ((await system.key(name)) === undefined) throw missing('SYSTEM', name);
  return name;
}

/** From Windows 10 on, CurrentVersion stays at 6.3 and two numbers tell. */
async function ntVersion(key: HiveKey): Promise<readonly [number, number]> {
  const major = (await key.value('CurrentMajorVersionNumber'))?.data;
  const minor = (await key.value('CurrentMinorVersionNumber'))?.data;
  if (typeof major === 'number' && typeof minor === 'number') return [major, minor];
  const match = /^(\d+)\.(\d+)$/.exec((await text(key, 'CurrentVersion')) ?? '');
  if (match === null) throw missing('SOFTWARE', 'Microsoft\\Windows NT\\CurrentVersion\\CurrentVersion');
  return [Number(match[1]), Number(match[2])];
}

async function architectureOf(system: Hive, controlSet: string): Promise<GuestWindows['architecture']> {
  const path = `${controlSet}\\Control\\Session Manager\\Environment`;
  const key = await system.key(path);
  const name = key === undefined ? undefined : await text(key, 'PROCESSOR_ARCHITECTURE');
  if (name === undefined) throw missing('SYSTEM', `${path}\\PROCESSOR_ARCHITECTURE`);
  const architecture = ARCHITECTURES[name.toLowerCase()];
  if (architecture !== undefined) return architecture;
  throw new UnsupportedFeatureError({ feature: `drivers for the processor ${name}`, structure: 'SYSTEM' });
}

async function text(key: HiveKey, name: string): Promise<string | undefined> {
  const data = (await key.value(name))?.data;
  return typeof data === 'string' ? data : undefined;
}

function missing(hive: string, what: string): CorruptImageError {
  return new CorruptImageError({ structure: hive, field: what, reason: 'it is missing' });
}

/** Whether DriverDatabase binds devices at boot (Windows 8 and later); before, it is CriticalDeviceDatabase. */
export function usesDriverDatabase({ major, minor }: InfTarget): boolean {
  return major > 6 || (major === 6 && minor >= 2);
}

/** PROCESSOR_ARCHITECTURE_* of winnt.h. */
export const PROCESSOR: Readonly<Record<InfArchitecture, number>> = { x86: 0, amd64: 9, arm64: 12, arm: 5, ia64: 6 };
