import { CapabilityError, UsageError } from '../../errors/index.js';
import { arg, Bool, Device, defineAction, Int, Key, PlainString } from '../action.js';
import { changeDevice } from '../device-changes.js';
import { closeVolume, containersOf, keySlotsOf, openByHand } from '../encrypted-container.js';
import type { Session } from '../session.js';
import { unavailable } from './unavailable.js';

const LUKS = 'crypto_LUKS';
const device = arg('device', Device);
const key = arg('key', Key);
const mapname = arg('mapname', PlainString);
const keyslot = arg('keyslot', Int);

/** Secrets as bytes while `work` needs them. */
async function withSecrets<T>(
  secrets: readonly string[],
  work: (bytes: readonly Uint8Array[]) => Promise<T>,
): Promise<T> {
  const bytes = secrets.map((secret) => new TextEncoder().encode(secret));
  try {
    return await work(bytes);
  } finally {
    for (const secret of bytes) secret.fill(0);
  }
}

const random = (g: Session) => (length: number) => g.platform.randomBytes(length);

async function format(
  g: Session,
  action: string,
  name: string,
  secret: string,
  slot: number,
  cipher: string | undefined,
): Promise<void> {
  const { tools } = await containersOf(g, LUKS);
  if (tools.format === undefined) throw unavailable(action, 'no plugin makes such containers');
  if (slot < 0) throw new UsageError(`there is no key slot ${slot}`, { argument: 'keyslot' });
  const make = tools.format.bind(tools);
  await withSecrets([secret], ([bytes]) =>
    changeDevice(g, name, action, (disk) => {
      const request = { key: bytes!, slot, randomBytes: random(g), ...(cipher === undefined ? {} : { cipher }) };
      return make(disk, request, g.storage.context);
    }),
  );
}

/** Functions for encrypted containers. */
export const luksActions = [
  defineAction({
    name: 'luks_open',
    theme: 'luks',
    group: 'luks',
    deprecatedBy: 'cryptsetup_open',
    args: [device, key, mapname],
    returns: 'void',
    doc: 'Open a LUKS container for reading and writing; its contents are then `/dev/mapper/MAPNAME`.',
    run: (g, name, secret, volume) =>
      openByHand(g, 'luks_open', { device: name, key: secret, mapname: volume, readonly: false, cryptType: 'luks' }),
  }),
  defineAction({
    name: 'luks_open_ro',
    theme: 'luks',
    group: 'luks',
    deprecatedBy: 'cryptsetup_open',
    args: [device, key, mapname],
    returns: 'void',
    doc: 'As `luks_open`, but the contents cannot be written.',
    run: (g, name, secret, volume) =>
      openByHand(g, 'luks_open_ro', { device: name, key: secret, mapname: volume, readonly: true, cryptType: 'luks' }),
  }),
  defineAction({
    name: 'luks_close',
    theme: 'luks',
    group: 'luks',
    deprecatedBy: 'cryptsetup_close',
    args: [device],
    returns: 'void',
    doc: 'Close a container that was opened: `/dev/mapper/MAPNAME` goes away, and volumes made from it too. Nothing on it may be mounted.',
    run: (g, name) => closeVolume(g, 'luks_close', name),
  }),
  defineAction({
    name: 'cryptsetup_open',
    theme: 'luks',
    group: 'luks',
    args: [device, key, mapname],
    options: { readonly: Bool, crypttype: PlainString, cipher: PlainString, header: PlainString },
    returns: 'void',
    doc: 'Open an encrypted container; its contents are then `/dev/mapper/MAPNAME`. The type (`luks`, `bitlk`) is found unless `crypttype` names it. `header` is the device that holds the header when it is detached: add its file as another disk.',
    run: (g, name, secret, volume, { readonly, crypttype, cipher, header }) => {
      if (cipher !== undefined) {
        const reason = 'a cipher belongs to containers without a header (plain), which are not opened here';
        throw new CapabilityError({ capability: 'cipher', subject: 'cryptsetup_open', reason });
      }
      const request = {
        device: name,
        key: secret,
        mapname: volume,
        readonly: readonly === true,
        cryptType: crypttype,
        header,
      };
      return openByHand(g, 'cryptsetup_open', request);
    },
  }),
  defineAction({
    name: 'cryptsetup_close',
    theme: 'luks',
    group: 'luks',
    args: [device],
    returns: 'void',
    doc: 'Close a container that was opened: `/dev/mapper/MAPNAME` goes away, and volumes made from it too. Nothing on it may be mounted.',
    run: (g, name) => closeVolume(g, 'cryptsetup_close', name),
  }),
  defineAction({
    name: 'luks_format',
    theme: 'luks',
    group: 'luks',
    args: [device, key, keyslot],
    returns: 'void',
    doc: 'Make a LUKS2 container on a device, whose contents are lost, with a key in the given slot.',
    run: (g, name, secret, slot) => format(g, 'luks_format', name, secret, slot, undefined),
  }),
  defineAction({
    name: 'luks_format_cipher',
    theme: 'luks',
    group: 'luks',
    args: [device, key, keyslot, arg('cipher', PlainString)],
    returns: 'void',
    doc: 'As `luks_format`, with a cipher such as `aes-cbc-essiv:sha256`.',
    run: (g, name, secret, slot, cipher) => format(g, 'luks_format_cipher', name, secret, slot, cipher),
  }),
  defineAction({
    name: 'luks_add_key',
    theme: 'luks',
    group: 'luks',
    args: [device, key, arg('newkey', Key), keyslot],
    returns: 'void',
    doc: 'Let another key open a container, in the given slot, which has to be free; -1 takes the first free one. `key` is one that opens it.',
    run: async (g, name, secret, newSecret, slot) => {
      const { tools } = await containersOf(g, LUKS);
      if (tools.addKey === undefined) throw unavailable('luks_add_key', 'no plugin changes such containers');
      const add = tools.addKey.bind(tools);
      const disk = keySlotsOf(g, name, 'luks_add_key');
      await withSecrets([secret, newSecret], ([bytes, newKey]) => {
        const request = { deviceName: name, key: bytes!, newKey: newKey!, slot, randomBytes: random(g) };
        return add(disk, request, g.storage.context);
      });
    },
  }),
  defineAction({
    name: 'luks_kill_slot',
    theme: 'luks',
    group: 'luks',
    args: [device, key, keyslot],
    returns: 'void',
    doc: 'Empty a key slot. `key` has to open another slot, so that a way in is left.',
    run: async (g, name, secret, slot) => {
      const { tools } = await containersOf(g, LUKS);
      if (tools.killSlot === undefined) throw unavailable('luks_kill_slot', 'no plugin changes such containers');
      const kill = tools.killSlot.bind(tools);
      const disk = keySlotsOf(g, name, 'luks_kill_slot');
      await withSecrets([secret], ([bytes]) =>
        kill(disk, { deviceName: name, key: bytes!, slot, randomBytes: random(g) }, g.storage.context),
      );
    },
  }),
  defineAction({
    name: 'luks_uuid',
    theme: 'luks',
    group: 'luks',
    args: [device],
    returns: 'RString',
    doc: 'The UUID of a LUKS container.',
    run: async (g, name) => {
      const { device: disk } = g.device(name, 'luks_uuid');
      const { activator } = await containersOf(g, LUKS);
      const member = await activator.probe(disk);
      if (member === undefined) throw new UsageError(`${name} is not a LUKS container`);
      return member.uuid;
    },
  }),
  defineAction({
    name: 'clevis_luks_unlock',
    theme: 'luks',
    group: 'clevisluks',
    args: [device, mapname],
    returns: 'void',
    doc: 'Open a container through the network or TPM binding of Clevis. Not available: give the key instead.',
    run: () => {
      throw unavailable('clevis_luks_unlock', 'Clevis needs the network and the TPM of the guest; give its passphrase');
    },
  }),
] as const;
