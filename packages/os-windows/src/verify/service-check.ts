import { viewOf } from '@vmcraft/core/binary';
import type { Hive, HiveKey } from '@vmcraft/format-regf';
import type { GuestWindows } from '../drivers/guest-windows.js';
import { machineOf } from '../drivers/machine-type.js';
import { START } from '../inf/index.js';
import type { WindowsVolume } from '../volume/windows-volume.js';

/** Bytes of a driver in which its headers lie. */
const HEADERS = 4096;
const START_NAMES = ['boot', 'system', 'auto', 'demand', 'disabled'];

/** What was found of a service. */
export interface ServiceCheck {
  /** `boot`, `demand` … */
  readonly start?: string;
  /** Path of its file in the guest. */
  readonly file?: string;
  /** The file has a signature of its own. */
  readonly isSigned: boolean;
  readonly problems: readonly string[];
}

/** Whether a service can start at boot: its key, its start type, its file. */
export async function checkService(
  volume: WindowsVolume,
  system: Hive,
  guest: GuestWindows,
  name: string,
): Promise<ServiceCheck> {
  const path = `${guest.controlSet}\\Services\\${name}`;
  const key = await system.key(path);
  if (key === undefined) return { isSigned: false, problems: [`there is no ${path}`] };
  const problems: string[] = [];
  const start = (await key.value('Start'))?.data;
  const startName = typeof start === 'number' ? (START_NAMES[start] ?? String(start)) : 'unknown';
  if (start !== START.BOOT) problems.push(`${name} starts at ${startName}, not at boot`);
  if ((await key.value('Type'))?.data !== 1) problems.push(`${name} is no kernel driver`);
  const override = await startOverride(key);
  if (override !== undefined) problems.push(`StartOverride of ${name} makes it ${START_NAMES[override] ?? override}`);
  const image = (await key.value('ImagePath'))?.data;
  const file = imageFile(typeof image === 'string' ? image : '', name, volume.systemRoot);
  const head = await volume.head(file, HEADERS);
  if (head === undefined) problems.push(`there is no ${file}`);
  else {
    const machine = machineOf(head);
    if (machine !== guest.architecture) problems.push(`${file} is for ${machine ?? 'no processor'}`);
  }
  return {
    start: startName,
    file: head === undefined ? file : await volume.truePath(file),
    isSigned: head !== undefined && hasSignature(head),
    problems,
  };
}

/** A value other than boot under StartOverride: Windows writes it for drivers that it did not need. */
async function startOverride(key: HiveKey): Promise<number | undefined> {
  const override = await key.subkey('StartOverride');
  for (const value of (await override?.valueList()) ?? []) {
    if (value.type === 4 && typeof value.data === 'number' && value.data !== START.BOOT) return value.data;
  }
  return undefined;
}

/** The file of a driver. Without ImagePath it is System32\drivers\<service>.sys. */
export function imageFile(imagePath: string, service: string, systemRoot: string): string {
  const path = imagePath.replaceAll('\\', '/').replace(/^"|"$/g, '');
  if (path === '') return `${systemRoot}/System32/drivers/${service}.sys`;
  const below = /^(?:\/systemroot|%systemroot%|%windir%)\/(.*)$/i.exec(path);
  if (below !== null) return `${systemRoot}/${below[1]}`;
  const absolute = /^(?:\/\?\?\/)?[a-z]:\/(.*)$/i.exec(path);
  if (absolute !== null) return `/${absolute[1]}`;
  return `${systemRoot}/${path.replace(/^\/+/, '')}`;
}

/** Whether the optional header names a certificate table (PE Format, "The Attribute Certificate Table"). */
function hasSignature(head: Uint8Array): boolean {
  if (machineOf(head) === undefined) return false;
  const view = viewOf(head);
  const optional = view.getUint32(0x3c, true) + 24;
  if (optional + 160 > head.length) return false;
  const is64 = view.getUint16(optional, true) === 0x20b;
  const directory = optional + (is64 ? 112 : 96) + 4 * 8;
  return view.getUint32(directory, true) !== 0 && view.getUint32(directory + 4, true) !== 0;
}
