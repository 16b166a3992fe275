import type { GuestFilesystem } from '../contracts/index.js';
import type { DiscoveredDevice, StorageTree } from '../storage/index.js';

/** Devices that could hold a file system, with what is known of them: everything that has no partitions and is no extended partition. */
export function listGuestFilesystems(
  storage: StorageTree,
  canMount: (type: string) => boolean,
): readonly GuestFilesystem[] {
  return storage.devices.filter(holdsData).map((device) => describe(device, canMount));
}

function holdsData(device: DiscoveredDevice): boolean {
  if (device.kind !== 'partition') return (device.table?.partitions.length ?? 0) === 0;
  return device.partition?.kind !== 'extended';
}

function describe(device: DiscoveredDevice, canMount: (type: string) => boolean): GuestFilesystem {
  const type = device.signature?.type ?? device.member?.type ?? 'unknown';
  return {
    mountable: device.name,
    type,
    canMount: device.member === undefined && canMount(type),
    ...optional('label', device.signature?.label),
    ...optional('uuid', device.signature?.uuid),
    ...optional('partUuid', device.partition?.uuid),
    ...optional('partLabel', device.partition?.name),
  };
}

function optional<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return value === undefined || value === '' ? {} : ({ [key]: value } as { [P in K]: string });
}
