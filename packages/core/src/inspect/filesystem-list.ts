import type { DevicePlace, GuestFilesystem } from '../contracts/index.js';
import { GUID_TYPE } from '../partition/index.js';
import type { DiscoveredDevice, StorageTree } from '../storage/index.js';

/**
 * Devices that could hold a file system, with what is known of them: everything that has no partitions, is no extended partition, no
 * piece of another volume, and not the room for volumes of a Windows dynamic disk.
 */
export function listGuestFilesystems(
  storage: StorageTree,
  canMount: (type: string) => boolean,
): readonly GuestFilesystem[] {
  return storage.devices.filter(holdsData).map((device) => {
    const place = placeOf(storage, device);
    return { ...describe(device, canMount), ...(place === undefined ? {} : { place }) };
  });
}

/** Types of partitions that hold the volumes of a Windows dynamic disk, of MBR and of GPT. */
const DYNAMIC: ReadonlySet<string> = new Set(['42', GUID_TYPE.windowsLdmData]);

function holdsData(device: DiscoveredDevice): boolean {
  if (device.isPiece === true) return false;
  if (device.kind !== 'partition') return (device.table?.partitions.length ?? 0) === 0;
  // Where a volume of a dynamic disk begins at the start of the partition, it shows there as well.
  return device.partition?.kind !== 'extended' && !DYNAMIC.has(device.partition?.type ?? '');
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
    ...optional('volumeId', device.kind === 'volume' ? device.uuid : undefined),
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
