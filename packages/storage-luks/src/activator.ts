import type { Member, SectorCipher, StorageActivator, StorageContext, Volume } from '@vmcraft/core/contracts';
import { makeSectorCipher } from './cipher/sector-cipher.js';
import { formatContainer } from './edit/format.js';
import { addKey, changeKey, killSlot } from './edit/keys.js';
import { findHeader, readHeader } from './header/read-header.js';
import type { LuksLimits } from './key/limits.js';
import { openContainer, payloadCipherOf, toolsOf } from './open.js';

/** Type of a container as blkid names it. */
export const MEMBER_TYPE = 'crypto_LUKS';

/** An activator with limits of its own. */
export function luksActivator(limits?: LuksLimits): StorageActivator {
  return {
    name: 'storage-luks',
    probe: async (device) => {
      const found = await findHeader(device);
      if (found === undefined) return undefined;
      const { uuid, label } = found;
      return { type: MEMBER_TYPE, groupId: uuid, uuid, ...(label === '' ? {} : { label }), device };
    },
    activate: async (members, context) => activate(members, context, limits),
    containers: {
      types: [MEMBER_TYPE],
      open: (device, { key, ...request }, context) =>
        openContainer(device, { ...request, keys: [key] }, context, limits),
      format: (device, request, context) => formatContainer(device, request, toolsOf(context, limits)),
      addKey: (device, request, context) => addKey(device, request, context, toolsOf(context, limits)),
      changeKey: (device, request, context) => changeKey(device, request, context, toolsOf(context, limits)),
      killSlot: (device, request, context) => killSlot(device, request, context, toolsOf(context, limits)),
      payloadCipher: async (device, selectors, context): Promise<SectorCipher> => {
        const header = await readHeader(device, context.warn);
        const keys = await context.keys.keysFor([...selectors, header.uuid]);
        const deviceName = selectors[0] ?? header.uuid;
        return payloadCipherOf(header, device, { keys, deviceName }, toolsOf(context, limits));
      },
      plainCipher: (cipher, key, { ciphers }) => makeSectorCipher(cipher, key, { ciphers }),
    },
  };
}

/** Members of one UUID are copies of one container: each is opened by itself, and the first has the name. */
async function activate(
  members: readonly Member[],
  context: StorageContext,
  limits: LuksLimits | undefined,
): Promise<readonly Volume[]> {
  const [member, ...copies] = members;
  if (member === undefined) return [];
  for (const copy of copies) {
    const message = `${copy.deviceName ?? copy.uuid} has the UUID of ${member.deviceName ?? member.uuid}: it is not opened`;
    context.warn({ source: 'luks', message });
  }
  const { deviceName = member.uuid } = member;
  const keys = await context.keys.keysFor([deviceName, member.uuid]);
  const request = { deviceName, keys, volumeName: `luks-${member.uuid}`, readonly: false };
  return [await openContainer(member.device, request, context, limits)];
}
