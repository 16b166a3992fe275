import { FsError } from '../errors/index.js';
import { type CopyBytesOptions, copyBytes } from './copy-bytes.js';
import { changeDevice, settle } from './device-changes.js';
import type { Session } from './session.js';

const isDevice = (name: string): boolean => name.startsWith('/dev/');

async function sizeOf(g: Session, name: string, action: string): Promise<number> {
  if (isDevice(name)) return g.device(name, action).device.size;
  return (await g.vfs.open(name, action)).stat.size;
}

/**
 * Copy bytes between files and devices of the guest. Unlike dd(1) nothing is written when it would not fit on a device.
 * @throws FsError ENOSPC when the device is too small, EBUSY when it is in use
 */
export async function copyDevices(
  g: Session,
  src: string,
  dest: string,
  options: CopyBytesOptions,
  action: string,
): Promise<void> {
  if (isDevice(src)) await settle(g);
  if (!isDevice(dest) || options.append === true) return copyBytes(g, src, dest, options, action);
  const { srcoffset = 0, destoffset = 0, size = (await sizeOf(g, src, action)) - srcoffset } = options;
  const room = g.device(dest, action).device.size;
  if (srcoffset >= 0 && destoffset >= 0 && size > 0 && destoffset + size > room) {
    const reason = `${size} bytes from ${destoffset} on do not fit on ${room} bytes`;
    throw new FsError('ENOSPC', { operation: action, path: dest, reason });
  }
  await changeDevice(g, dest, action, () => copyBytes(g, src, dest, options, action));
}
