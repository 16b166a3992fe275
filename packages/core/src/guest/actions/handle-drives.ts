import { HostError, UsageError } from '../../errors/index.js';
import { arg, Bool, defineAction, Int, Int64, PlainString, StringList } from '../action.js';
import { type AddDriveOptions, driveSpec } from '../drives.js';
import type { Session } from '../session.js';
import { unavailable } from './unavailable.js';

const filename = arg('filename', PlainString);
const iface = arg('iface', PlainString);
const LIBVIRT = 'there is no libvirt connection; add the disks of the domain with add_drive';

/** Add a drive; a path that is not there fails now, not at launch. */
async function add(g: Session, name: string, options: AddDriveOptions): Promise<void> {
  const spec = driveSpec(name, options);
  if (spec.path !== undefined && (await g.platform.tree.lstat(spec.path)) === undefined) {
    throw new HostError({ path: spec.path, operation: 'open', errno: 'ENOENT', reason: 'no such file or directory' });
  }
  g.addDrive({ spec });
}

/** Options of both functions that ask libvirt, in the order of guestfs. */
const beforeDisks = { readonly: Bool, iface: PlainString, live: Bool } as const;
const afterDisks = {
  readonlydisk: PlainString,
  cachemode: PlainString,
  discard: PlainString,
  copyonread: Bool,
} as const;

/** Functions that say which disks to open. */
export const handleDriveActions = [
  defineAction({
    name: 'add_drive',
    theme: 'handle-appliance',
    aliases: ['add'],
    anytime: true,
    args: [filename],
    options: {
      readonly: Bool,
      format: PlainString,
      iface: PlainString,
      name: PlainString,
      label: PlainString,
      protocol: PlainString,
      server: StringList(PlainString),
      username: PlainString,
      secret: PlainString,
      cachemode: PlainString,
      discard: PlainString,
      copyonread: Bool,
      blocksize: Int,
    },
    returns: 'void',
    doc: 'Add a disk image or block device of the host, or one of a server: by a URI (`nbd://host/export`, `https://host/disk.qcow2`, `ssh://user@host/disk.qcow2`, `iscsi://host/target/lun`, `rbd://monitor/pool/image`), or by `protocol`, `server`, `username` and `secret`. Name its `format` where it is known. `iface`, `name`, `cachemode` and `copyonread` concern an appliance and make no difference.',
    run: add,
  }),
  defineAction({
    name: 'add_drive_ro',
    theme: 'handle-appliance',
    aliases: ['add-ro'],
    anytime: true,
    args: [filename],
    returns: 'void',
    doc: 'Add a disk image that is not to be changed.',
    run: (g, name) => add(g, name, { readonly: true }),
  }),
  defineAction({
    name: 'add_drive_ro_with_if',
    theme: 'handle-appliance',
    deprecatedBy: 'add_drive',
    anytime: true,
    args: [filename, iface],
    returns: 'void',
    doc: 'As `add_drive_ro`; the interface makes no difference.',
    run: (g, name) => add(g, name, { readonly: true }),
  }),
  defineAction({
    name: 'add_drive_with_if',
    theme: 'handle-appliance',
    deprecatedBy: 'add_drive',
    anytime: true,
    args: [filename, iface],
    returns: 'void',
    doc: 'As `add_drive`; the interface makes no difference.',
    run: (g, name) => add(g, name, {}),
  }),
  defineAction({
    name: 'add_cdrom',
    theme: 'handle-appliance',
    deprecatedBy: 'add_drive_ro',
    anytime: true,
    args: [filename],
    returns: 'void',
    doc: 'As `add_drive_ro`.',
    run: (g, name) => add(g, name, { readonly: true }),
  }),
  defineAction({
    name: 'add_drive_scratch',
    theme: 'handle-appliance',
    aliases: ['scratch'],
    anytime: true,
    args: [arg('size', Int64)],
    options: { name: PlainString, label: PlainString, blocksize: Int },
    returns: 'void',
    doc: 'Add an empty disk of `size` bytes that is gone when the session ends.',
    run: (g, size, { label, blocksize }) => {
      if (size <= 0) throw new UsageError('must be greater than 0', { argument: 'size' });
      const spec = driveSpec('scratch', { format: 'raw', label, blocksize, transaction: false });
      g.addDrive({ spec, scratchSize: size });
    },
  }),
  defineAction({
    name: 'add_domain',
    theme: 'handle-appliance',
    aliases: ['domain'],
    anytime: true,
    args: [arg('dom', PlainString)],
    options: { libvirturi: PlainString, ...beforeDisks, allowuuid: Bool, ...afterDisks },
    returns: 'RInt',
    doc: 'Add the disks of a libvirt domain. Not available: add them by their paths.',
    run: () => {
      throw unavailable('add_domain', LIBVIRT);
    },
  }),
  defineAction({
    name: 'add_libvirt_dom',
    theme: 'handle-appliance',
    anytime: true,
    args: [arg('dom', PlainString)],
    options: { ...beforeDisks, ...afterDisks },
    returns: 'RInt',
    doc: 'Add the disks of a libvirt domain. Not available: add them by their paths.',
    run: () => {
      throw unavailable('add_libvirt_dom', LIBVIRT);
    },
  }),
  defineAction({
    name: 'remove_drive',
    theme: 'handle-appliance',
    deprecatedBy: '(none)',
    anytime: true,
    args: [arg('label', PlainString)],
    returns: 'void',
    doc: 'Fails, as in libguestfs: drives cannot be removed from a running session.',
    run: () => {
      throw unavailable('remove_drive', 'drives cannot be removed');
    },
  }),
] as const;
