import { expandDirids, type InfService, START } from '../inf/index.js';
import type { RegistryEditor } from '../volume/registry-editor.js';
import type { DriverPackage } from './driver-package.js';
import { type GuestWindows, usesDriverDatabase } from './guest-windows.js';
import { applyRelative } from './inf-registry.js';

/** SERVICE_KERNEL_DRIVER and SERVICE_FILE_SYSTEM_DRIVER: what the kernel loads. */
const DRIVER_TYPES = 0x3;
/** Services that one guest may have; Windows has about 700. */
const MAX_SERVICES = 20_000;

/** How a package is known in the guest. */
export interface Published {
  /** `oem3.inf` */
  readonly infName: string;
  /** In the driver store, relative to the drive: `Windows\System32\DriverStore\FileRepository\…`. */
  readonly packageFolder: string;
  /** `Windows`, as the guest writes it. */
  readonly systemRoot: string;
}

/** The start type a service gets: what one may boot from starts at boot, whatever its INF says. */
export function startOf(service: InfService, pack: DriverPackage): number {
  const mayBoot = pack.isStorage && service.isFunctionDriver && (service.type & DRIVER_TYPES) !== 0;
  return mayBoot && service.start !== START.DISABLED ? START.BOOT : service.start;
}

/** Write the key of a service as Windows does when it installs the device. */
export async function writeService(
  editor: RegistryEditor,
  facts: GuestWindows,
  pack: DriverPackage,
  published: Published,
  service: InfService,
): Promise<void> {
  const key = `${facts.controlSet}\\Services\\${service.name}`;
  const group = service.loadOrderGroup;
  await editor.setDword(key, 'Type', service.type);
  await editor.setDword(key, 'Start', startOf(service, pack));
  await editor.setDword(key, 'ErrorControl', service.errorControl);
  await editor.setExpandString(key, 'ImagePath', imagePath(service, published));
  const displayName = displayNameOf(service, published);
  if (displayName !== undefined) await editor.setString(key, 'DisplayName', displayName);
  if (service.description !== undefined) await editor.setString(key, 'Description', service.description);
  if (group !== undefined) await editor.setString(key, 'Group', group);
  if (group !== undefined && startOf(service, pack) === START.BOOT) await writeTag(editor, facts, service.name, group);
  if (service.dependencies.length > 0) await editor.setStrings(key, 'DependOnService', service.dependencies);
  if (service.startName !== undefined) await editor.setString(key, 'ObjectName', service.startName);
  if (usesDriverDatabase(facts)) await editor.addStrings(key, 'Owners', [published.infName]);
  else await editor.setString(key, 'DriverPackageId', pack.storeName);
  await editor.deleteKey(`${key}\\StartOverride`);
  await applyRelative(editor, key, service.registry);
  const { eventLog } = service;
  if (eventLog === undefined) return;
  const log = `${facts.controlSet}\\Services\\EventLog\\${eventLog.log}\\${eventLog.name}`;
  await applyRelative(editor, log, eventLog.registry);
}

/** Drivers in System32\drivers are named relative to the system folder, as Windows' own are. */
export function imagePath(service: InfService, published: Published): string {
  const path = expandDirids(service.binary, published);
  const root = `${published.systemRoot}\\`;
  const isBelow = path.toLowerCase().startsWith(root.toLowerCase());
  const below = isBelow ? path.slice(root.length) : path;
  if ((service.type & DRIVER_TYPES) === 0) return isBelow ? `%SystemRoot%\\${below}` : `%SystemDrive%\\${path}`;
  const inDrivers = /^system32\\drivers\\([^\\]+)$/i.exec(below);
  if (inDrivers !== null) return `system32\\drivers\\${inDrivers[1]}`;
  return isBelow ? `\\SystemRoot\\${below}` : `\\??\\C:\\${path}`;
}

/** `@oem3.inf,%token%;text`, so that the name follows the language. */
function displayNameOf(service: InfService, { infName }: Published): string | undefined {
  const { displayName, rawDisplayName } = service;
  if (displayName === undefined) return undefined;
  const isToken = rawDisplayName !== undefined && /^%[^%]+%$/.test(rawDisplayName);
  return isToken ? `@${infName},${rawDisplayName};${displayName}` : displayName;
}

/** A number of its own in the group; those that GroupOrderList does not name load after those it names. */
async function writeTag(editor: RegistryEditor, facts: GuestWindows, service: string, group: string): Promise<void> {
  const services = `${facts.controlSet}\\Services`;
  if (typeof (await editor.data(`${services}\\${service}`, 'Tag')) === 'number') return;
  let highest = 0;
  let count = 0;
  for (const key of (await (await editor.hive.key(services))?.subkeyList()) ?? []) {
    if (++count > MAX_SERVICES) break;
    const itsGroup = (await key.value('Group'))?.data;
    if (typeof itsGroup !== 'string' || itsGroup.toLowerCase() !== group.toLowerCase()) continue;
    const tag = (await key.value('Tag'))?.data;
    if (typeof tag === 'number' && tag < 0xffff) highest = Math.max(highest, tag);
  }
  await editor.setDword(`${services}\\${service}`, 'Tag', highest + 1);
}
