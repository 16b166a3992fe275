import { type FileSystem, type FsNode, type SubvolumesFs, supports } from '../contracts/index.js';
import { FsError, isVmcraftError, messageOf } from '../errors/index.js';
import { formatMountable, parseMountable } from './mountable.js';
import type { Session } from './session.js';

/** Types whose file systems may hold subvolumes. */
const TYPES = new Set(['btrfs']);

/**
 * Mountables of the subvolumes on a device, except the default one, which is the device itself (guestfs(3), `list_filesystems`). What cannot be
 * opened is a warning.
 * @param seen UUIDs of file systems that were listed: one over several devices is listed with the first of them
 */
export async function listedSubvolumes(g: Session, name: string, seen: Set<string>): Promise<string[]> {
  const { signature } = g.device(name);
  if (signature === undefined || !TYPES.has(signature.type)) return [];
  if (signature.uuid !== undefined && seen.has(signature.uuid)) return [];
  if (signature.uuid !== undefined) seen.add(signature.uuid);
  if (g.services.filesystemSupport(signature.type)?.prompt !== true) return [];
  try {
    return await withSubvolumes(g, name, 'list_filesystems', async (fs) => {
      const usual = await fs.defaultSubvolume();
      const others = (await fs.subvolumes()).filter(({ id }) => id !== usual);
      return others.map(({ path }) => formatMountable({ device: name, subvolume: path }));
    });
  } catch (error) {
    if (!isVmcraftError(error) || error.code === 'VMC_ABORTED') throw error;
    g.warn({ source: name, message: `its subvolumes are not listed: ${messageOf(error)}`, cause: error });
    return [];
  }
}

/**
 * Ask a file system about its subvolumes.
 * @param place a mountable, or a path below a mount point
 * @throws FsError ENOTSUP when it has none
 */
export async function withSubvolumes<T>(
  g: Session,
  place: string,
  operation: string,
  ask: (fs: FileSystem & SubvolumesFs, at: FsNode) => Promise<T>,
): Promise<T> {
  const look = (fs: FileSystem, at = fs.root): Promise<T> => {
    if (supports(fs, 'subvolumes')) return ask(fs, at);
    throw new FsError('ENOTSUP', { operation, path: place, reason: `${fs.identity.type} has no subvolumes` });
  };
  if (place.startsWith('btrfsvol:') || g.storage.find(place) !== undefined) {
    parseMountable(place);
    const source = g.storage.find(place)?.name ?? place;
    // One that is mounted for writing stays as it is.
    return g.withFilesystem(source, true, (fs) => look(fs));
  }
  const { mount, node } = await g.vfs.resolve(place, operation);
  return look(mount.fs, node);
}
