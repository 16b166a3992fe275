import { START } from '../inf/index.js';
import type { RegistryEditor } from '../volume/registry-editor.js';
import { type DriverPackage, deviceIds } from './driver-package.js';
import type { GuestWindows } from './guest-windows.js';
import { startOf } from './service-keys.js';

/** `PCI\VEN_1AF4&DEV_1001` → `pci#ven_1af4&dev_1001`, as the keys of the database are named. */
export function criticalDeviceKey(id: string): string {
  return id.replaceAll('\\', '#').toLowerCase();
}

/** Bind every id of a package's boot devices to its service, for Windows before 8. */
export async function writeCriticalDevices(
  editor: RegistryEditor,
  facts: GuestWindows,
  pack: DriverPackage,
): Promise<void> {
  for (const device of pack.devices) {
    const install = pack.installs.get(device.installSection.toLowerCase());
    const service = install?.services.find((s) => s.isFunctionDriver);
    if (service === undefined || startOf(service, pack) !== START.BOOT) continue;
    for (const { id } of deviceIds(device)) {
      const key = `${facts.controlSet}\\Control\\CriticalDeviceDatabase\\${criticalDeviceKey(id)}`;
      await editor.setString(key, 'Service', service.name);
      await editor.setString(key, 'ClassGUID', pack.version.classGuid.toUpperCase());
    }
  }
}
