import type { BlockDevice, KeyStore, Member, StorageActivator, Volume, WarningSink } from '@vmcraft/core';
import { bytes, CredentialError, encodeUtf8, equalBytes, SliceDevice, struct, u8, utf8 } from '@vmcraft/core';

const MAGIC = encodeUtf8('REFSTORE');

/** Header of a member: one sector; the volume is the rest. */
export const ReferenceMemberHeader = struct('reference member', 64, {
  magic: [0, bytes(8)],
  group: [8, utf8(16)],
  locked: [24, u8],
  key: [32, utf8(32)],
});
const HEADER_SECTOR = 512;

/** Reference {@link StorageActivator}: a header sector, then the volume; a locked one wants a key. */
export class ReferenceActivator implements StorageActivator {
  readonly name = 'reference-storage';

  async probe(device: BlockDevice): Promise<Member | undefined> {
    if (device.size <= HEADER_SECTOR) return undefined;
    const header = ReferenceMemberHeader.decode(await device.read(0, ReferenceMemberHeader.size));
    if (!equalBytes(header.magic, MAGIC)) return undefined;
    return { type: 'reference_member', groupId: header.group, uuid: header.group, device };
  }

  async activate(
    members: readonly Member[],
    context: { keys: KeyStore; warn: WarningSink },
  ): Promise<readonly Volume[]> {
    const volumes: Volume[] = [];
    for (const member of members) {
      const header = ReferenceMemberHeader.decode(await member.device.read(0, ReferenceMemberHeader.size));
      if (header.locked === 1) await unlock(header.key, member, context.keys);
      const device = new SliceDevice(member.device, HEADER_SECTOR, member.device.size - HEADER_SECTOR);
      volumes.push({ name: `/dev/reference/${member.groupId}`, kind: 'reference', uuid: member.uuid, device });
    }
    return volumes;
  }
}

async function unlock(expected: string, member: Member, keys: KeyStore): Promise<void> {
  const given = await keys.keysFor([member.deviceName ?? '', member.uuid]);
  if (given.length === 0) throw new CredentialError({ subject: member.deviceName ?? member.uuid, wrong: false });
  if (given.some((key) => equalBytes(key, encodeUtf8(expected)))) return;
  throw new CredentialError({ subject: member.deviceName ?? member.uuid, wrong: true });
}

/** Bytes of a member holding `content`. */
export function referenceMember(group: string, content: Uint8Array, key?: string): Uint8Array {
  const out = new Uint8Array(HEADER_SECTOR + content.length);
  const locked = key === undefined ? 0 : 1;
  ReferenceMemberHeader.encodeInto({ magic: MAGIC, group, locked, key: key ?? '' }, out);
  out.set(content, HEADER_SECTOR);
  return out;
}
