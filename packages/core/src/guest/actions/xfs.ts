import { arg, Dev_or_Path, defineAction } from '../action.js';
import type { Session } from '../session.js';
import { readXfsInfo, xfsInfoStruct } from '../xfs-info.js';

/** The device itself, or the one of the file system that a path is on. */
async function infoOf(g: Session, pathOrDevice: string): Promise<Record<string, string>> {
  if (pathOrDevice.startsWith('/dev/')) {
    return readXfsInfo(g.device(pathOrDevice, 'xfs_info').device, pathOrDevice);
  }
  const { mount } = await g.vfs.resolve(pathOrDevice, 'xfs_info');
  return readXfsInfo(mount.fs.device, mount.source);
}

const pathordevice = arg('pathordevice', Dev_or_Path);

/** Functions that only XFS has. */
export const xfsActions = [
  defineAction({
    name: 'xfs_info',
    theme: 'xfs',
    group: 'xfs',
    deprecatedBy: 'xfs_info2',
    args: [pathordevice],
    returns: { struct: 'xfsinfo' },
    doc: 'Geometry of an XFS, mounted or not, as a structure.',
    run: async (g, place) => xfsInfoStruct(await infoOf(g, place)),
  }),
  defineAction({
    name: 'xfs_info2',
    theme: 'xfs',
    group: 'xfs',
    args: [pathordevice],
    returns: 'RHashtable',
    doc: 'Geometry and features of an XFS, mounted or not: what xfs_info(8) prints, under names like `data.bsize` and `meta-data.isize`.',
    run: infoOf,
  }),
] as const;
