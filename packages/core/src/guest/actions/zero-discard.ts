import { isZero } from '../../binary/index.js';
import { isDiscardable, supports } from '../../contracts/index.js';
import { CapabilityError, FsError } from '../../errors/index.js';
import { arg, Device, defineAction, Int64, Pathname } from '../action.js';
import { changeDevice, settle } from '../device-changes.js';
import { requireNotNegative } from '../file-content.js';
import { forFreeRuns, isAllZero, zeroRange } from '../free-space.js';
import type { Session } from '../session.js';

const device = arg('device', Device);
/** How much `zero` clears: partition tables and the superblocks of all usual file systems lie in it. */
const ZERO_BYTES = 128 * 1024;
const STEP = 4096;

/** Overwrite what is not zero at the start of a device. */
async function zeroStart(g: Session, name: string): Promise<void> {
  await changeDevice(g, name, 'zero', async (disk) => {
    const length = Math.min(ZERO_BYTES, disk.size);
    const head = await disk.read(0, length);
    for (let at = 0; at < length; at += STEP) {
      const there = head.subarray(at, at + STEP);
      if (!isZero(there)) await disk.write(at, new Uint8Array(there.length));
    }
  });
}

/** A path on a file system that can be written. @throws FsError EROFS */
async function writableMount(g: Session, path: string, action: string) {
  const location = await g.vfs.resolve(path, action);
  const { fs, readonly } = location.mount;
  if (readonly || fs.readonly || !supports(fs, 'write')) throw new FsError('EROFS', { operation: action, path });
  // Blocks of files that were just removed count as free when the removal has been written.
  await fs.sync();
  return fs;
}

interface TrimOptions {
  readonly offset?: number | undefined;
  readonly length?: number | undefined;
  readonly minimumfreeextent?: number | undefined;
}

async function trim(g: Session, path: string, options: TrimOptions): Promise<void> {
  const { offset, length, minimumfreeextent: minimum } = options;
  requireNotNegative(offset ?? 0, 'offset', 'fstrim', path);
  requireNotNegative(length ?? 0, 'length', 'fstrim', path);
  requireNotNegative(minimum ?? 0, 'minimumfreeextent', 'fstrim', path);
  const fs = await writableMount(g, path, 'fstrim');
  const disk = fs.device;
  if (!isDiscardable(disk)) {
    throw new FsError('ENOTSUP', { operation: 'fstrim', path, reason: 'the image format cannot give space back' });
  }
  await forFreeRuns(g, fs, 'fstrim', { offset, length, minimum }, (at, size) => disk.discard(at, size));
}

/** Functions that clear devices and give space back. */
export const zeroDiscardActions = [
  defineAction({
    name: 'zero',
    theme: 'zero-discard',
    args: [device],
    returns: 'void',
    doc: 'Write zeros over the first 128 KiB of a device, enough to remove partition tables and superblocks.',
    run: zeroStart,
  }),
  defineAction({
    name: 'zero_device',
    theme: 'zero-discard',
    args: [device],
    returns: 'void',
    doc: 'Make all of a device zeros. It takes no space where the image format can leave zeros out.',
    run: (g, name) => changeDevice(g, name, 'zero_device', (disk) => zeroRange(g, disk, 0, disk.size)),
  }),
  defineAction({
    name: 'is_zero_device',
    theme: 'zero-discard',
    args: [device],
    returns: 'RBool',
    doc: 'Whether all of a device is zeros.',
    run: async (g, name) => {
      await settle(g);
      return isAllZero(g, g.device(name).device);
    },
  }),
  defineAction({
    name: 'is_zero',
    theme: 'zero-discard',
    args: [arg('path', Pathname)],
    returns: 'RBool',
    doc: 'Whether a file is empty or all zeros.',
    run: async (g, path) => {
      const file = await g.vfs.open(path, 'is_zero', { signal: g.signal });
      for await (const chunk of file.stream()) if (!isZero(chunk)) return false;
      return true;
    },
  }),
  defineAction({
    name: 'blkdiscard',
    theme: 'zero-discard',
    group: 'blkdiscard',
    args: [device],
    returns: 'void',
    doc: 'Give all space of a device back to the image; it reads as zeros then.',
    run: (g, name) =>
      changeDevice(g, name, 'blkdiscard', async (disk) => {
        if (!isDiscardable(disk)) throw new CapabilityError({ capability: 'discard', subject: name });
        await disk.discard(0, disk.size, { signal: g.signal });
      }),
  }),
  defineAction({
    name: 'blkdiscardzeroes',
    theme: 'zero-discard',
    group: 'blkdiscardzeroes',
    args: [device],
    returns: 'RBool',
    doc: 'Whether discarded blocks of a device read as zeros: always, where it can discard.',
    run: (g, name) => isDiscardable(g.device(name).device),
  }),
  defineAction({
    name: 'fstrim',
    theme: 'zero-discard',
    group: 'fstrim',
    args: [arg('mountpoint', Pathname)],
    options: { offset: Int64, length: Int64, minimumfreeextent: Int64 },
    returns: 'void',
    doc: 'Give the free space of a mounted file system back to the image: within `length` bytes from `offset`, runs of at least `minimumfreeextent` bytes. A format like qcow2 frees its clusters; in a raw file, zeros are written except at its end.',
    run: trim,
  }),
  defineAction({
    name: 'zero_free_space',
    theme: 'zero-discard',
    args: [arg('directory', Pathname)],
    returns: 'void',
    doc: 'Make the free space of a mounted file system zeros. The files are not changed.',
    run: async (g, path) => {
      const fs = await writableMount(g, path, 'zero_free_space');
      await forFreeRuns(g, fs, 'zero_free_space', {}, (at, size) => zeroRange(g, fs.device, at, size));
    },
  }),
] as const;
