import { supports } from '../../contracts/index.js';
import { FsError } from '../../errors/index.js';
import { listGuestFilesystems } from '../../inspect/index.js';
import type { DiscoveredDevice } from '../../storage/index.js';
import { arg, Device, defineAction, Mountable, PlainString } from '../action.js';
import { signatureOf } from '../block-facts.js';
import { setLabel, setUuid } from '../filesystem-labels.js';
import { parseMountable } from '../mountable.js';
import type { Session } from '../session.js';
import { listedSubvolumes } from '../subvolumes.js';

const mountable = arg('mountable', Mountable);
const label = arg('label', PlainString);
const uuid = arg('uuid', PlainString);

/** Partitions of a GPT that never hold a file system: Microsoft reserved, and metadata of dynamic disks. */
const NO_FILESYSTEM = new Set(['e3c9e316-0b5c-4db8-817d-f92df00215ae', '5808c8aa-7e8f-42e0-85d2-e1e90434cfb3']);

/** Mountables and their types: whole disks first, then partitions, then volumes. Members of arrays are left out. */
async function listFilesystems(g: Session): Promise<Record<string, string>> {
  const order = ['disk', 'partition', 'volume'];
  const rank = (name: string): number => order.indexOf(g.storage.find(name)?.kind ?? '');
  const found = listGuestFilesystems(g.storage, () => true)
    .filter(({ mountable: name, type }) => {
      const guid = g.storage.find(name)?.partition?.type;
      return !type.endsWith('_member') && (guid === undefined || !NO_FILESYSTEM.has(guid));
    })
    .map(({ mountable: name, type }): [string, string] => [name, type]);
  const listed: [string, string][] = [];
  const seen = new Set<string>();
  for (const [name, type] of found.sort(([a], [b]) => rank(a) - rank(b))) {
    listed.push([name, type]);
    for (const subvolume of await listedSubvolumes(g, name, seen)) listed.push([subvolume, type]);
  }
  return Object.fromEntries(listed);
}

/** The first device for which a fact has a value. @throws FsError ENOENT */
function findDevice(g: Session, action: string, tag: string, matches: (device: DiscoveredDevice) => boolean): string {
  const found = g.storage.devices.find(matches);
  if (found !== undefined) return found.name;
  throw new FsError('ENOENT', { operation: action, reason: `unable to resolve '${tag}'` });
}

async function minimumSize(g: Session, name: string): Promise<number> {
  // File systems that are open read-only have no ability to be resized.
  const { writable } = g.device(parseMountable(name).device).device;
  return g.withFilesystem(name, !writable, async (fs) => {
    if (supports(fs, 'resize')) return fs.minimumSize();
    const reason = `there is no telling the least size of ${fs.identity.type}`;
    throw new FsError('ENOTSUP', { operation: 'vfs_minimum_size', path: name, reason });
  });
}

const sameText = (a: string | undefined, b: string): boolean => a?.toLowerCase() === b.toLowerCase();

/** Functions that tell and set types, labels and UUIDs of file systems, and find them by those. */
export const filesystemIdentityActions = [
  defineAction({
    name: 'list_filesystems',
    theme: 'filesystem',
    args: [],
    returns: 'RHashtable',
    doc: 'Everything that may hold a file system, and its type: `ext4`, `vfat`, `swap`, `crypto_LUKS` … or `unknown`.',
    run: listFilesystems,
  }),
  defineAction({
    name: 'vfs_type',
    theme: 'filesystem',
    args: [mountable],
    returns: 'RString',
    doc: 'The type of what lies on a device: `ext4`, `vfat`, `swap` …; nothing when it is not recognised.',
    run: async (g, name) => (await signatureOf(g, parseMountable(name).device))?.type ?? '',
  }),
  defineAction({
    name: 'vfs_label',
    theme: 'filesystem',
    args: [mountable],
    returns: 'RString',
    doc: 'The label of a file system; nothing when it has none.',
    run: async (g, name) => (await signatureOf(g, parseMountable(name).device))?.label ?? '',
  }),
  defineAction({
    name: 'vfs_uuid',
    theme: 'filesystem',
    aliases: ['get-uuid'],
    args: [mountable],
    returns: 'RString',
    doc: 'The UUID of a file system, or its serial number (`ABCD-1234`); nothing when it has none.',
    run: async (g, name) => (await signatureOf(g, parseMountable(name).device))?.uuid ?? '',
  }),
  defineAction({
    name: 'vfs_minimum_size',
    theme: 'filesystem',
    args: [mountable],
    returns: 'RInt64',
    doc: 'The least size in bytes that a file system could be shrunk to. Fails with ENOTSUP for types that are not resized here.',
    run: minimumSize,
  }),
  defineAction({
    name: 'set_label',
    theme: 'filesystem',
    args: [mountable, label],
    returns: 'void',
    doc: 'Label a file system: at most 16 bytes for ext, 11 characters for FAT and exFAT.',
    run: (g, name, text) => setLabel(g, name, text, 'set_label'),
  }),
  defineAction({
    name: 'set_uuid',
    theme: 'filesystem',
    args: [arg('device', Device), uuid],
    returns: 'void',
    doc: 'Set the UUID of a file system; for FAT the serial number, `ABCD-1234`.',
    run: (g, name, text) => setUuid(g, name, text, 'set_uuid'),
  }),
  defineAction({
    name: 'set_uuid_random',
    theme: 'filesystem',
    args: [arg('device', Device)],
    returns: 'void',
    doc: 'Give a file system a new UUID, or serial number.',
    run: (g, name) => setUuid(g, name, 'random', 'set_uuid_random'),
  }),
  defineAction({
    name: 'findfs_label',
    theme: 'filesystem',
    args: [label],
    returns: 'RString',
    doc: 'The device whose file system has a label.',
    run: (g, text) => findDevice(g, 'findfs_label', `LABEL=${text}`, (d) => d.signature?.label === text),
  }),
  defineAction({
    name: 'findfs_uuid',
    theme: 'filesystem',
    args: [uuid],
    returns: 'RString',
    doc: 'The device whose file system has a UUID.',
    run: (g, text) => findDevice(g, 'findfs_uuid', `UUID=${text}`, (d) => sameText(d.signature?.uuid, text)),
  }),
  defineAction({
    name: 'findfs_partlabel',
    theme: 'filesystem',
    args: [label],
    returns: 'RString',
    doc: 'The partition that has a name in its GPT.',
    run: (g, text) => findDevice(g, 'findfs_partlabel', `PARTLABEL=${text}`, (d) => d.partition?.name === text),
  }),
  defineAction({
    name: 'findfs_partuuid',
    theme: 'filesystem',
    args: [uuid],
    returns: 'RString',
    doc: 'The partition that has a GUID in its GPT; in an MBR, the number of the disk and that of the partition: `8f8378c0-05`.',
    run: (g, text) => findDevice(g, 'findfs_partuuid', `PARTUUID=${text}`, (d) => sameText(d.partition?.uuid, text)),
  }),
] as const;
