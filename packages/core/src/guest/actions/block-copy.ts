import { LimitExceededError } from '../../errors/index.js';
import { wipeSignatures } from '../../storage/index.js';
import { arg, Bool, BufferIn, Dev_or_Path, Device, defineAction, Int, Int64, Pathname } from '../action.js';
import { changeDevice, settle } from '../device-changes.js';
import { copyDevices } from '../device-copy.js';
import { bytesOf, MAX_IN_MEMORY, requireNotNegative } from '../file-content.js';
import type { Session } from '../session.js';

const device = arg('device', Device);
const offset = arg('offset', Int64);
const copyOptions = { srcoffset: Int64, destoffset: Int64, size: Int64, sparse: Bool, append: Bool } as const;

async function pread(g: Session, name: string, count: number, at: number): Promise<Uint8Array> {
  requireNotNegative(count, 'count', 'pread_device', name);
  requireNotNegative(at, 'offset', 'pread_device', name);
  await settle(g);
  const { device: disk } = g.device(name);
  const length = Math.max(0, Math.min(count, disk.size - at));
  if (length > MAX_IN_MEMORY) {
    throw new LimitExceededError({ limit: 'bytes read at once', value: length, max: MAX_IN_MEMORY });
  }
  return length === 0 ? new Uint8Array(0) : (await disk.read(at, length)).slice();
}

async function pwrite(g: Session, name: string, content: Uint8Array | string, at: number): Promise<number> {
  requireNotNegative(at, 'offset', 'pwrite_device', name);
  const bytes = bytesOf(content);
  return changeDevice(g, name, 'pwrite_device', async (disk) => {
    const length = Math.max(0, Math.min(bytes.length, disk.size - at));
    if (length > 0) await disk.write(at, bytes.subarray(0, length));
    return length;
  });
}

/** Functions that read, write and copy the bytes of block devices. */
export const blockCopyActions = [
  defineAction({
    name: 'pread_device',
    theme: 'block-device',
    args: [device, arg('count', Int), offset],
    returns: 'RBufferOut',
    doc: 'Up to `count` bytes of a device from `offset` on; fewer at its end.',
    run: pread,
  }),
  defineAction({
    name: 'pwrite_device',
    theme: 'block-device',
    args: [device, arg('content', BufferIn), offset],
    returns: 'RInt',
    doc: 'Write bytes to a device from `offset` on. Gives how many were written: fewer at its end. Nothing on the device may be mounted.',
    run: pwrite,
  }),
  defineAction({
    name: 'copy_device_to_device',
    theme: 'block-device',
    args: [arg('src', Device), arg('dest', Device)],
    options: copyOptions,
    returns: 'void',
    doc: 'Copy bytes from one device to another: from `srcoffset`, to `destoffset`, `size` of them or all. With `sparse`, runs of zeros are left out. Nothing is written when they do not fit.',
    run: (g, src, dest, options) => copyDevices(g, src, dest, options, 'copy_device_to_device'),
  }),
  defineAction({
    name: 'copy_device_to_file',
    theme: 'block-device',
    args: [arg('src', Device), arg('dest', Pathname)],
    options: copyOptions,
    returns: 'void',
    doc: 'Copy bytes from a device to a file, which is made or replaced; with `append`, they go to its end. Options as for `copy_device_to_device`.',
    run: (g, src, dest, options) => copyDevices(g, src, dest, options, 'copy_device_to_file'),
  }),
  defineAction({
    name: 'copy_file_to_device',
    theme: 'block-device',
    args: [arg('src', Pathname), arg('dest', Device)],
    options: copyOptions,
    returns: 'void',
    doc: 'Copy bytes from a file to a device. Options as for `copy_device_to_device`.',
    run: (g, src, dest, options) => copyDevices(g, src, dest, options, 'copy_file_to_device'),
  }),
  defineAction({
    name: 'copy_size',
    theme: 'block-device',
    deprecatedBy: 'copy_device_to_device',
    args: [arg('src', Dev_or_Path), arg('dest', Dev_or_Path), arg('size', Int64)],
    returns: 'void',
    doc: 'Copy exactly `size` bytes between devices or files. A file is replaced.',
    run: (g, src, dest, size) => copyDevices(g, src, dest, { size }, 'copy_size'),
  }),
  defineAction({
    name: 'dd',
    theme: 'block-device',
    deprecatedBy: 'copy_device_to_device',
    args: [arg('src', Dev_or_Path), arg('dest', Dev_or_Path)],
    returns: 'void',
    doc: 'Copy all of a device or file to another. A file is replaced; a device must be large enough.',
    run: (g, src, dest) => copyDevices(g, src, dest, {}, 'dd'),
  }),
  defineAction({
    name: 'wipefs',
    theme: 'block-device',
    group: 'wipefs',
    args: [device],
    returns: 'void',
    doc: 'Erase the marks by which file systems, RAID members and partition tables of a device are recognised. Nothing else of it is changed.',
    run: async (g, name) => {
      const partitions = g.device(name).table?.partitions ?? [];
      await changeDevice(g, name, 'wipefs', (disk) => wipeSignatures(disk, { partitions }));
    },
  }),
] as const;
