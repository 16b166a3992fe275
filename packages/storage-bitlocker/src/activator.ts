import type { BlockDevice, Member, StorageActivator, StorageContext, Volume } from '@vmcraft/core/contracts';
import { isVmcraftError } from '@vmcraft/core/errors';
import { hasClearKey } from './key/unlock.js';
import { readBootSector } from './metadata/boot-sector.js';
import { readMetadata } from './metadata/read-metadata.js';
import { findVolume, openVolume } from './open.js';

/** Type of a volume as blkid names it. */
export const MEMBER_TYPE = 'BitLocker';

/** Opens BitLocker volumes. */
export const bitlockerActivator: StorageActivator = {
  name: 'storage-bitlocker',
  memberTypes: [MEMBER_TYPE],
  probe,
  activate,
  containers: {
    types: [MEMBER_TYPE],
    open: async (device, { key, deviceName, volumeName }, context) =>
      openVolume(device, await findVolume(device, context), { deviceName, volumeName, keys: [key] }, context),
  },
};

/** A volume whose metadata cannot be read is one all the same: to open it says why. */
async function probe(device: BlockDevice): Promise<Member | undefined> {
  try {
    const boot = await readBootSector(device);
    if (boot === undefined) return undefined;
    const { volumeId, label } = await readMetadata(device, boot, () => undefined);
    return { type: MEMBER_TYPE, groupId: volumeId, uuid: volumeId, ...(label === '' ? {} : { label }), device };
  } catch (error) {
    const codes = ['VMC_CORRUPT', 'VMC_TRUNCATED', 'VMC_UNSUPPORTED'];
    if (!isVmcraftError(error) || !codes.includes(error.code)) throw error;
    return { type: MEMBER_TYPE, groupId: 'damaged', uuid: '', device };
  }
}

/** Members of one identifier are copies of one volume: the first is opened. */
async function activate(members: readonly Member[], context: StorageContext): Promise<readonly Volume[]> {
  const [member, ...copies] = members;
  if (member === undefined) return [];
  for (const copy of copies) {
    const name = copy.deviceName ?? copy.uuid;
    const message = `${name} has the identifier of ${member.deviceName ?? member.uuid}: it is not opened`;
    context.warn({ source: 'bitlocker', message });
  }
  const { deviceName = member.uuid, device } = member;
  const found = await findVolume(device, context);
  const keys = hasClearKey(found.metadata) ? [] : await context.keys.keysFor([deviceName, member.uuid]);
  return [await openVolume(device, found, { deviceName, keys, volumeName: `bitlk-${member.uuid}` }, context)];
}
