import { concatBytes } from '../../binary/index.js';
import { FsError, LimitExceededError, UsageError } from '../../errors/index.js';
import { arg, Bool, Device, defineAction, FileIn, FileOut, Int, Pathname, PlainString, StringList } from '../action.js';
import { cpioBytes } from '../archive/cpio-writer.js';
import { guestEntries } from '../archive/guest-entries.js';
import { directoryAt } from '../archive/transfer.js';
import type { FileTarget } from '../argument.js';
import { decodeBase64, encodeBase64 } from '../base64.js';
import { compressionNamed } from '../compression.js';
import { gathered, MAX_IN_MEMORY, writeWhole } from '../file-content.js';
import { bytesFrom, pourInto } from '../host-bytes.js';
import { initrdEntries } from '../initrd.js';
import type { Session } from '../session.js';
import { openGuestSource } from '../transfer.js';
import { unavailable } from './unavailable.js';

const theme = 'archive-transfer';
const syncOptions = { archive: Bool, deletedest: Bool } as const;
const NO_RSYNC = 'rsync(1) runs inside an appliance, which there is none of here: use copy_in, copy_out or cp_a';

async function compressOut(
  g: Session,
  type: string,
  name: string,
  target: FileTarget,
  level: number | undefined,
  action: string,
): Promise<void> {
  const compression = compressionNamed(g, type, 'compress', 'ctype');
  if (level !== undefined && (level < 1 || level > 9)) {
    throw new UsageError(`invalid level ${level}: 1 to 9`, { argument: 'level' });
  }
  const source = await openGuestSource(g, name, action);
  await pourInto(g, target, g.platform.compress(compression, source.stream(), level), action);
}

async function cpioOut(g: Session, directory: string, target: FileTarget, format: string): Promise<void> {
  if (format !== 'newc' && format !== 'crc') {
    throw new UsageError(`${format}: format must be 'newc' or 'crc'`, { argument: 'format' });
  }
  const top = await directoryAt(g, directory, 'cpio_out');
  await pourInto(g, target, gathered(cpioBytes(guestEntries(g, top, 'cpio_out', {}), format)), 'cpio_out');
}

async function initrdCat(g: Session, initrd: string, wanted: string): Promise<Uint8Array> {
  const file = await g.vfs.open(initrd, 'initrd_cat', { signal: g.signal });
  for await (const entry of initrdEntries(g.platform, file.stream())) {
    if (plainName(entry.name) !== wanted) continue;
    if (entry.size > MAX_IN_MEMORY) {
      throw new LimitExceededError({ limit: `size of ${wanted}`, value: entry.size, max: MAX_IN_MEMORY });
    }
    const parts: Uint8Array[] = [];
    for await (const chunk of entry.content()) parts.push(chunk.slice());
    return concatBytes(parts);
  }
  throw new FsError('ENOENT', { operation: 'initrd_cat', path: initrd, reason: `${wanted}: not in the initrd` });
}

async function initrdList(g: Session, path: string): Promise<string[]> {
  const file = await g.vfs.open(path, 'initrd_list', { signal: g.signal });
  const names: string[] = [];
  for await (const { name } of initrdEntries(g.platform, file.stream())) {
    names.push(plainName(name));
    if (names.length > MAX_NAMES) {
      throw new LimitExceededError({ limit: 'files of an initrd', value: names.length, max: MAX_NAMES });
    }
  }
  return names;
}

const MAX_NAMES = 1_000_000;
const plainName = (name: string): string => name.replace(/^(\.?\/)+(?=.)/, '');

/** Functions that convert what they move, and those that need another program. */
export const conversionActions = [
  defineAction({
    name: 'base64_in',
    theme,
    args: [arg('base64file', FileIn), arg('filename', Pathname)],
    returns: 'void',
    doc: 'Write what base64 text of the host stands for to a file, which is made or replaced.',
    run: (g, source, name) => writeWhole(g, name, decodeBase64(bytesFrom(g, source)), 'base64_in'),
  }),
  defineAction({
    name: 'base64_out',
    theme,
    args: [arg('filename', Pathname), arg('base64file', FileOut)],
    returns: 'void',
    doc: 'Write a file to the host as base64 text with lines of 76 characters.',
    run: async (g, name, target) => {
      const file = await g.vfs.open(name, 'base64_out', { signal: g.signal });
      await pourInto(g, target, encodeBase64(file.stream()), 'base64_out');
    },
  }),
  defineAction({
    name: 'compress_out',
    theme,
    args: [arg('ctype', PlainString), arg('file', Pathname), arg('zfile', FileOut)],
    options: { level: Int },
    returns: 'void',
    doc: 'Write a file to the host, compressed: `gzip`, or `zstd` where the host can.',
    run: (g, type, name, target, { level }) => compressOut(g, type, name, target, level, 'compress_out'),
  }),
  defineAction({
    name: 'compress_device_out',
    theme,
    args: [arg('ctype', PlainString), arg('device', Device), arg('zdevice', FileOut)],
    options: { level: Int },
    returns: 'void',
    doc: 'Write the contents of a device to the host, compressed; types as for `compress_out`.',
    run: (g, type, name, target, { level }) => compressOut(g, type, name, target, level, 'compress_device_out'),
  }),
  defineAction({
    name: 'cpio_out',
    theme,
    args: [arg('directory', PlainString), arg('cpiofile', FileOut)],
    options: { format: PlainString },
    returns: 'void',
    doc: 'Pack a directory into a cpio archive on the host. `format` is `newc` (what the Linux kernel takes as initramfs) or `crc`.',
    run: (g, directory, target, { format = 'newc' }) => cpioOut(g, directory, target, format),
  }),
  defineAction({
    name: 'initrd_cat',
    theme,
    args: [arg('initrdpath', Pathname), arg('filename', PlainString)],
    returns: 'RBufferOut',
    doc: 'The contents of a file in an initramfs image. The name has no slash at its start.',
    run: initrdCat,
  }),
  defineAction({
    name: 'initrd_list',
    theme,
    args: [arg('path', Pathname)],
    returns: 'RStringList',
    doc: 'Names of all files and directories in an initramfs image, in its order and without a slash at their start.',
    run: initrdList,
  }),
  defineAction({
    name: 'mksquashfs',
    theme,
    group: 'squashfs',
    args: [arg('path', Pathname), arg('filename', FileOut)],
    options: { compress: PlainString, excludes: StringList(PlainString) },
    returns: 'void',
    doc: 'Make a squashfs image of a directory. Not available here: use `tar_out`.',
    run: () => {
      throw unavailable('mksquashfs', 'nothing here writes squashfs images: use tar_out');
    },
  }),
  defineAction({
    name: 'rsync',
    theme,
    group: 'rsync',
    args: [arg('src', Pathname), arg('dest', Pathname)],
    options: syncOptions,
    returns: 'void',
    doc: 'Synchronise directories of the guest. Not available here: use `cp_a`.',
    run: () => {
      throw unavailable('rsync', NO_RSYNC);
    },
  }),
  defineAction({
    name: 'rsync_in',
    theme,
    group: 'rsync',
    args: [arg('remote', PlainString), arg('dest', Pathname)],
    options: syncOptions,
    returns: 'void',
    doc: 'Synchronise a directory with one of another host. Not available here: use `copy_in`.',
    run: () => {
      throw unavailable('rsync_in', NO_RSYNC);
    },
  }),
  defineAction({
    name: 'rsync_out',
    theme,
    group: 'rsync',
    args: [arg('src', Pathname), arg('remote', PlainString)],
    options: syncOptions,
    returns: 'void',
    doc: 'Synchronise a directory of another host with one of the guest. Not available here: use `copy_out`.',
    run: () => {
      throw unavailable('rsync_out', NO_RSYNC);
    },
  }),
] as const;
