import type { DevicePlace, GuestFilesystem } from '../contracts/index.js';
import type { DiscoveredDevice, StorageTree } from '../storage/index.js';

/** Devices that could hold a file system, with what is known of them: everything that has no partitions and is no extended partition. */
export function listGuestFilesystems(
  storage: StorageTree,
  canMount: (type: string) => boolean,
): readonly GuestFilesystem[] {
  return storage.devices.filter(holdsData).map((device) => {
    const place = placeOf(storage, device);
    return { ...describe(device, canMount), ...(place === undefined ? {} : { place }) };
  });
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

/** The partition that a device is or is made from, where it is one alone. */
function placeOf(storage: StorageTree, device: DiscoveredDevice): DevicePlace | undefined {
  let at: DiscoveredDevice | undefined = device;
  while (at?.kind === 'volume' && at.parents.length === 1) at = storage.find(at.parents[0]!);
  const { partition, parents } = at ?? device;
  const disk = parents.length === 1 ? storage.find(parents[0]!) : undefined;
  if (partition === undefined || disk === undefined) return undefined;
  const isGpt = disk.table?.type === 'gpt';
  return {
    disk: disk.name,
    offset: partition.start,
    ...optional('diskId', disk.table?.id),
    ...optional('guid', isGpt ? partition.uuid : undefined),
  };
}

function optional<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return value === undefined || value === '' ? {} : ({ [key]: value } as { [P in K]: string });
}
