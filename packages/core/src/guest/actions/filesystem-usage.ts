import { UsageError } from '../../errors/index.js';
import { arg, Device, defineAction, Int, Pathname, PlainString } from '../action.js';
import { diskFree, diskUsage, statvfs } from '../disk-usage.js';
import { readIsoInfo } from '../iso-info.js';
import { LoopDevice } from '../loop-device.js';
import type { Session } from '../session.js';
import { unavailable } from './unavailable.js';

const NAME_DIGITS = 8;
const NEW_FILE = 0o666;

async function fill(g: Session, dir: string, count: number): Promise<void> {
  const base = dir.endsWith('/') ? dir : `${dir}/`;
  for (let i = 0; i < count; i++) {
    if (g.signal.aborted) return;
    await g.vfs.edit.open(`${base}${String(i).padStart(NAME_DIGITS, '0')}`, { create: NEW_FILE }, 'fill_dir');
  }
}

function printDf(g: Session, isHuman: boolean): Promise<string> {
  if (!g.mounts.any) throw new UsageError("you must call 'mount' first to mount the root filesystem");
  return diskFree(g, isHuman);
}

/** Functions that tell of the space in mounted file systems, and some others on mounted file systems. */
export const filesystemUsageActions = [
  defineAction({
    name: 'df',
    theme: 'filesystem',
    args: [],
    returns: 'RString',
    doc: 'Space in the mounted file systems, for people to read; programs use `statvfs`.',
    run: (g) => printDf(g, false),
  }),
  defineAction({
    name: 'df_h',
    theme: 'filesystem',
    args: [],
    returns: 'RString',
    doc: 'As `df`, with sizes like `1.5G`.',
    run: (g) => printDf(g, true),
  }),
  defineAction({
    name: 'du',
    theme: 'filesystem',
    args: [arg('path', Pathname)],
    returns: 'RInt64',
    doc: 'Space that a file, or a directory with everything in it, takes, in KiB.',
    run: (g, path) => diskUsage(g, path, 'du'),
  }),
  defineAction({
    name: 'statvfs',
    theme: 'filesystem',
    args: [arg('path', Pathname)],
    returns: { struct: 'statvfs' },
    doc: 'Sizes and counts of the mounted file system that a path is on. `fsid` has the low 53 bits of the identifier.',
    run: statvfs,
  }),
  defineAction({
    name: 'fill_dir',
    theme: 'filesystem',
    args: [arg('dir', Pathname), arg('nr', Int)],
    returns: 'void',
    doc: 'Make empty files `00000000`, `00000001` … in a directory, for tests.',
    run: fill,
  }),
  defineAction({
    name: 'isoinfo',
    theme: 'filesystem',
    args: [arg('isofile', Pathname)],
    returns: { struct: 'isoinfo' },
    doc: 'The primary volume descriptor of an ISO image that is a file of the guest.',
    run: async (g, path) => readIsoInfo(new LoopDevice(await g.vfs.open(path, 'isoinfo'), path)),
  }),
  defineAction({
    name: 'isoinfo_device',
    theme: 'filesystem',
    args: [arg('device', Device)],
    returns: { struct: 'isoinfo' },
    doc: 'The primary volume descriptor of an ISO image that was added as a drive.',
    run: (g, name) => readIsoInfo(g.device(name).device),
  }),
  defineAction({
    name: 'list_9p',
    theme: 'filesystem',
    deprecatedBy: '(none)',
    args: [],
    returns: 'RStringList',
    doc: 'Does nothing and fails, as in libguestfs.',
    run: () => {
      throw unavailable('list_9p', '9p file systems are not supported');
    },
  }),
  defineAction({
    name: 'filesystem_available',
    theme: 'filesystem',
    args: [arg('filesystem', PlainString)],
    returns: 'RBool',
    doc: 'Whether some driver here knows a type of file system: `ext4`, `vfat` …',
    run: (g, type) => g.services.filesystemAvailable?.(type) ?? g.services.filesystemSupport(type) !== undefined,
  }),
] as const;
