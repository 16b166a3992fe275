import { CapabilityError, FsError, UsageError } from '../../errors/index.js';
import { arg, Device, defineAction, Int, PlainString } from '../action.js';
import { blkidFacts, softBlockSize } from '../block-facts.js';
import { canonicalName, labelledDevices, mapperName } from '../device-aliases.js';
import { settle } from '../device-changes.js';
import type { Session } from '../session.js';

const device = arg('device', Device);
const KERNEL_SECTOR = 512;
/** Disks that guestfs(3) promises: as many as virtio-scsi takes. */
const MAX_DISKS = 255;

const diskNames = (g: Session): string[] => g.storage.devices.filter((d) => d.kind === 'disk').map((d) => d.name);

/** Functions that list block devices and tell or set facts of them. */
export const blockDeviceActions = [
  defineAction({
    name: 'list_devices',
    theme: 'block-device',
    args: [],
    returns: 'RStringList',
    doc: 'All disks that were added: `/dev/sda` and so on.',
    run: diskNames,
  }),
  defineAction({
    name: 'list_dm_devices',
    theme: 'block-device',
    args: [],
    returns: 'RStringList',
    doc: 'Volumes under `/dev/mapper`, such as opened encrypted ones. Logical volumes are not among them.',
    run: (g) => g.storage.devices.filter((d) => d.name.startsWith('/dev/mapper/')).map((d) => d.name),
  }),
  defineAction({
    name: 'list_disk_labels',
    theme: 'block-device',
    args: [],
    returns: 'RHashtable',
    doc: 'Labels that drives were added with, and their devices; a label and a number for the partitions of a drive.',
    run: labelledDevices,
  }),
  defineAction({
    name: 'nr_devices',
    theme: 'block-device',
    args: [],
    returns: 'RInt',
    doc: 'How many disks there are.',
    run: (g) => diskNames(g).length,
  }),
  defineAction({
    name: 'max_disks',
    theme: 'block-device',
    anytime: true,
    args: [],
    returns: 'RInt',
    doc: 'How many disks libguestfs would take: 255. Here, memory is the only limit.',
    run: () => MAX_DISKS,
  }),
  defineAction({
    name: 'device_index',
    theme: 'block-device',
    args: [device],
    returns: 'RInt',
    doc: 'The place of a disk among those of `list_devices`, counted from 0.',
    run: (g, name) => {
      const { index } = g.device(name);
      if (index !== undefined) return index;
      throw new FsError('ENOENT', { operation: 'device_index', path: name, reason: 'device not found' });
    },
  }),
  defineAction({
    name: 'device_name',
    theme: 'block-device',
    args: [arg('index', Int)],
    returns: 'RString',
    doc: 'The disk at a place counted from 0: the inverse of `device_index`.',
    run: (g, index) => {
      const name = diskNames(g)[index];
      if (name === undefined) throw new UsageError(`there is no disk ${index}`, { argument: 'index' });
      return name;
    },
  }),
  defineAction({
    name: 'is_whole_device',
    theme: 'block-device',
    args: [device],
    returns: 'RBool',
    doc: 'Whether it is a whole disk: no partition and no logical volume.',
    run: (g, name) => g.device(name).kind === 'disk',
  }),
  defineAction({
    name: 'canonical_device_name',
    theme: 'block-device',
    args: [arg('device', PlainString)],
    returns: 'RString',
    doc: 'A device name as it is usually written: `/dev/sda1` for `/dev/vda1` or `/dev/hda1`, `/dev/VG/LV` for `/dev/mapper/VG-LV`. Others stay as they are.',
    run: (g, name) => mapperName(g, name) ?? canonicalName(name),
  }),
  defineAction({
    name: 'blkid',
    theme: 'block-device',
    args: [device],
    returns: 'RHashtable',
    doc: 'What blkid(8) tells of a device: `TYPE`, `UUID`, `LABEL`, `USAGE`, `VERSION`, `PTTYPE`, `PART_ENTRY_…` and others, where they are known.',
    run: blkidFacts,
  }),
  defineAction({
    name: 'blockdev_getsize64',
    theme: 'block-device',
    args: [device],
    returns: 'RInt64',
    doc: 'The size of a device in bytes.',
    run: (g, name) => g.device(name).device.size,
  }),
  defineAction({
    name: 'blockdev_getsz',
    theme: 'block-device',
    args: [device],
    returns: 'RInt64',
    doc: 'The size of a device in units of 512 bytes, whatever its sectors are.',
    run: (g, name) => Math.floor(g.device(name).device.size / KERNEL_SECTOR),
  }),
  defineAction({
    name: 'blockdev_getss',
    theme: 'block-device',
    args: [device],
    returns: 'RInt',
    doc: 'The size of a sector of a device in bytes: 512 or 4096.',
    run: (g, name) => g.device(name).device.sectorSize,
  }),
  defineAction({
    name: 'blockdev_getbsz',
    theme: 'block-device',
    args: [device],
    returns: 'RInt',
    doc: 'The size of blocks that a kernel would buffer the device in. Nothing here uses it.',
    run: (g, name) => softBlockSize(g.device(name).device),
  }),
  defineAction({
    name: 'blockdev_setbsz',
    theme: 'block-device',
    deprecatedBy: '(none)',
    args: [device, arg('blocksize', Int)],
    returns: 'void',
    doc: 'Does nothing, as in libguestfs.',
    run: () => undefined,
  }),
  defineAction({
    name: 'blockdev_setra',
    theme: 'block-device',
    args: [device, arg('sectors', Int)],
    returns: 'void',
    doc: 'Set how far a kernel reads ahead. There is none: it makes no difference.',
    run: () => undefined,
  }),
  defineAction({
    name: 'blockdev_flushbufs',
    theme: 'block-device',
    args: [device],
    returns: 'void',
    doc: 'Hand what file systems and caches hold back to the device. It is committed by `sync` or at the end.',
    run: async (g, name) => {
      await settle(g);
      const found = g.device(name);
      if (found.device.writable) await found.device.flush();
    },
  }),
  defineAction({
    name: 'blockdev_getro',
    theme: 'block-device',
    args: [device],
    returns: 'RBool',
    doc: 'Whether a device is read-only.',
    run: (g, name) => !g.device(name).device.writable,
  }),
  defineAction({
    name: 'blockdev_setro',
    theme: 'block-device',
    args: [device],
    returns: 'void',
    doc: 'Make a device read-only: it, not its partitions. What is mounted stays as it is.',
    run: (g, name) => g.storage.setReadOnly(name, true),
  }),
  defineAction({
    name: 'blockdev_setrw',
    theme: 'block-device',
    args: [device],
    returns: 'void',
    doc: 'Make a device writable again. Fails when its drive was added read-only.',
    run: (g, name) => {
      g.storage.setReadOnly(name, false);
      if (!g.device(name).device.writable) throw CapabilityError.readOnly(name, 'its drive is');
    },
  }),
] as const;
