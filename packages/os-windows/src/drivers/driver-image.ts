import { LimitExceededError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';
import { Vfs, walkTree } from '@vmcraft/core/vfs';
import { type DriverFolder, folderOf, openHostFolder } from './driver-folder.js';

/** Files that an image of drivers may have. */
const MAX_FILES = 50_000;

/** A folder of drivers that must be closed. */
export interface OpenedDrivers extends AsyncDisposable {
  readonly folder: DriverFolder;
}

/**
 * Drivers in a folder of the host, or on an image of it that has a file system we read: an ISO, a floppy.
 * @throws HostError when nothing is there, NoProviderError when no driver reads the image
 */
export async function openDrivers(g: Session, path: string): Promise<OpenedDrivers> {
  if (!(await isImage(g, path))) {
    return { folder: await openHostFolder(g, path), [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const session = await g.services.openDrive({ path, format: 'raw', readonly: true }, g.warn);
  try {
    const { device } = session;
    const request = { device, deviceName: path, type: undefined, readonly: true, mountOptions: [] };
    const fs = await g.services.openFilesystem(request, g.warn);
    const vfs = new Vfs();
    await vfs.mount(fs, '/', { source: path, readonly: true });
    return {
      folder: await imageFolder(vfs, path),
      [Symbol.asyncDispose]: async () => {
        await fs.close();
        await session.close();
      },
    };
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** A file, or a link to one: distributions link virtio-win.iso to the file of the release. */
async function isImage(g: Session, path: string): Promise<boolean> {
  const { tree } = g.platform;
  const kind = (await tree.lstat(path))?.kind;
  if (kind !== 'symlink') return kind === 'file';
  return tree.list(path).then(
    () => false,
    () => true,
  );
}

async function imageFolder(vfs: Vfs, path: string): Promise<DriverFolder> {
  const files: string[] = [];
  for await (const { relative, type } of walkTree(vfs, vfs.root)) {
    if (type === 'r' || type === 'u') files.push(relative.replace(/^\//, ''));
    if (files.length > MAX_FILES) {
      throw new LimitExceededError({ limit: `files on ${path}`, value: files.length, max: MAX_FILES });
    }
  }
  return folderOf(path, files.sort(), async (file) => {
    const opened = await vfs.open(`/${file}`, 'drivers');
    return opened.read(0, opened.stat.size);
  });
}
