import { readOnly, UnavailableDevice } from '@vmcraft/core/block';
import type {
  BlockDevice,
  Member,
  StorageActivator,
  StorageContext,
  Volume,
  WarningSink,
} from '@vmcraft/core/contracts';
import { isVmcraftError, messageOf, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { probeSignature } from '@vmcraft/core/storage';
import { type ArraySet, arrangeDevices } from './array-set.js';
import { levelName, nominalSize } from './levels.js';
import { aliasesOf, arrayName } from './names.js';
import { openArray } from './open-array.js';
import type { MdDevice, MdSuperblock } from './superblock.js';
import { readSuperblock1 } from './superblock-1.js';
import { readSuperblock090 } from './superblock-090.js';

/** All members come together, so that arrays are numbered in the order in which they appear. */
const GROUP_ID = 'md';

/** Name of the activator, and of the provider. */
export const MD_ACTIVATOR = 'storage-mdraid';

/** Arrays of other formats that md can run, and who opens them. */
const FOREIGN: Readonly<Record<string, string>> = {
  ddf_raid_member: 'an array with DDF metadata',
  isw_raid_member: 'an array with metadata of Intel Matrix Storage',
};

/** The superblock of a device, whatever its version; undefined when there is none. @throws CorruptImageError */
export async function readSuperblock(device: BlockDevice): Promise<MdSuperblock | undefined> {
  return (await readSuperblock1(device)) ?? (await readSuperblock090(device));
}

/** Finds md arrays and brings them up. */
export const mdActivator: StorageActivator = {
  name: MD_ACTIVATOR,
  memberTypes: ['linux_raid_member', ...Object.keys(FOREIGN)],

  async probe(device: BlockDevice): Promise<Member | undefined> {
    const superblock = await readSuperblock(device);
    if (superblock !== undefined) {
      const { uuid, deviceUuid, name } = superblock;
      return {
        type: 'linux_raid_member',
        groupId: GROUP_ID,
        uuid: deviceUuid ?? uuid,
        ...(name === '' ? {} : { label: name }),
        device,
      };
    }
    const signature = await probeSignature(device);
    if (signature === undefined || FOREIGN[signature.type] === undefined) return undefined;
    return { type: signature.type, groupId: signature.type, uuid: signature.uuid ?? '', device };
  },

  async activate(members: readonly Member[], { warn }: StorageContext): Promise<readonly Volume[]> {
    const foreign = FOREIGN[members[0]?.type ?? ''];
    if (foreign !== undefined) {
      const structure = members.map((m) => m.deviceName).join(', ');
      const workaround = 'mdadm on Linux opens it, and so does the backend of @vmcraft/backend-libguestfs';
      throw new UnsupportedFeatureError({ structure, feature: foreign, workaround });
    }
    const volumes: Volume[] = [];
    for (const found of await arraysOf(members, warn)) volumes.push(await volumeOf(found, warn));
    return volumes;
  },
};

/** One array, as its members tell. */
export interface FoundArray {
  readonly name: string;
  readonly devices: readonly (MdDevice & { readonly member: Member })[];
}

/** Arrays in the order in which their first members appear. */
export async function arraysOf(members: readonly Member[], warn: WarningSink): Promise<FoundArray[]> {
  const byUuid = new Map<string, (MdDevice & { readonly member: Member })[]>();
  for (const member of members) {
    const { device, deviceName } = member;
    try {
      const superblock = await readSuperblock(device);
      if (superblock === undefined) continue;
      const found = { device, superblock, member, ...(deviceName === undefined ? {} : { deviceName }) };
      byUuid.set(superblock.uuid, [...(byUuid.get(superblock.uuid) ?? []), found]);
    } catch (error) {
      if (!isVmcraftError(error) || error.code === 'VMC_ABORTED') throw error;
      warn({ source: 'md', message: `${deviceName ?? 'member'}: ${messageOf(error)}`, cause: error });
    }
  }
  return [...byUuid.values()].map((devices, i) => ({ name: arrayName(i), devices }));
}

/** `/dev/md127 (host:data, UUID)`. */
function titleOf({ name, devices }: FoundArray): string {
  const { uuid, name: label } = devices[0]!.superblock;
  return `array ${name} (${label === '' ? '' : `${label}, `}${uuid})`;
}

/** Who belongs to an array. */
export function arrange(found: FoundArray, warn: WarningSink): ArraySet {
  return arrangeDevices(found.devices, titleOf(found), warn);
}

/** The array as a volume. One that cannot be brought up is there too, and fails with the reason when it is used. */
async function volumeOf(found: FoundArray, warn: WarningSink): Promise<Volume> {
  const { name, devices } = found;
  const first = devices[0]!.superblock;
  const members = devices.map(({ member }) => member);
  const shared = {
    name,
    uuid: first.uuid,
    members,
    ...(first.name === '' ? {} : { label: first.name }),
    aliases: aliasesOf(first),
  };
  try {
    const { device, kind } = await open(found, warn);
    return { ...shared, kind, device };
  } catch (error) {
    if (!isVmcraftError(error) || error.code === 'VMC_ABORTED' || error.code === 'VMC_BUG') throw error;
    warn({ source: 'md', message: `${name} cannot be used: ${messageOf(error)}`, cause: error });
    return { ...shared, kind: levelName(first.level), device: new UnavailableDevice(nominalSize(first), error) };
  }
}

async function open(found: FoundArray, warn: WarningSink): Promise<{ device: BlockDevice; kind: string }> {
  const set = arrange(found, warn);
  const { device, lock } = await openArray(set, found.name, warn);
  const kind = levelName(set.superblock.level);
  return { kind, device: lock === undefined ? device : readOnly(device, lock) };
}
