import { S_IFDIR, S_IFMT, S_IFREG } from '../../contracts/index.js';
import { FsError, UsageError } from '../../errors/index.js';
import type { Location } from '../../vfs/index.js';
import type { FileSource, FileTarget } from '../argument.js';
import { ByteReader } from '../byte-reader.js';
import { compressionNamed } from '../compression.js';
import { gathered } from '../file-content.js';
import { bytesFrom, pourInto } from '../host-bytes.js';
import { compressionOf } from '../initrd.js';
import type { Session } from '../session.js';
import { exclusion } from './exclusion.js';
import { guestEntries } from './guest-entries.js';
import { hostEntries } from './host-entries.js';
import { HostWriter } from './host-writer.js';
import { OwnerNames } from './owner-names.js';
import { tarEntries } from './tar-reader.js';
import { tarBytes } from './tar-writer.js';
import { Unpacker, type UnpackOptions } from './unpacker.js';

/** A directory that must be there. @throws FsError ENOENT, ENOTDIR */
export async function directoryAt(g: Session, path: string, action: string): Promise<Location> {
  if (!path.startsWith('/')) throw new UsageError('directory: must be an absolute path', { argument: 'directory' });
  const location = await g.vfs.resolve(path, action);
  if (!(await location.isDirectory())) throw new FsError('ENOTDIR', { operation: action, path });
  return location;
}

/** Options of `tar_in`. */
export interface TarInOptions {
  readonly compress?: string | undefined;
  readonly xattrs?: boolean | undefined;
  readonly selinux?: boolean | undefined;
  readonly acls?: boolean | undefined;
  readonly keepdirlink?: boolean | undefined;
}

/** Options of `tar_out`. */
export interface TarOutOptions {
  readonly compress?: string | undefined;
  readonly numericowner?: boolean | undefined;
  readonly excludes?: readonly string[] | undefined;
  readonly xattrs?: boolean | undefined;
  readonly selinux?: boolean | undefined;
  readonly acls?: boolean | undefined;
}

/** Unpack a tar archive of the host into a directory of the guest. */
export async function tarIn(
  g: Session,
  source: FileSource,
  directory: string,
  options: TarInOptions,
  action: string,
): Promise<void> {
  const top = await directoryAt(g, directory, action);
  const { compress, keepdirlink, ...kept } = options;
  const unpack: UnpackOptions = { ...kept, keepDirectoryLinks: keepdirlink };
  const raw = bytesFrom(g, source);
  const bytes =
    compress === undefined
      ? plainArchive(raw)
      : g.platform.decompress(compressionNamed(g, compress, 'decompress', 'compress'), raw);
  await new Unpacker(g, top, action, unpack).unpack(tarEntries(bytes));
}

/** An archive that turns out to be compressed gets an error that says so. */
async function* plainArchive(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(source);
  try {
    const type = compressionOf(await reader.peek(6));
    if (type !== undefined) {
      throw new UsageError(`the archive is compressed: use compress:${type}`, { argument: 'compress' });
    }
    yield* reader.rest();
  } finally {
    await reader.close();
  }
}

/** Pack a directory of the guest into a tar archive on the host. */
export async function tarOut(
  g: Session,
  directory: string,
  target: FileTarget,
  options: TarOutOptions,
  action: string,
): Promise<void> {
  const top = await directoryAt(g, directory, action);
  const { compress, numericowner, excludes = [], ...kept } = options;
  const type = compress === undefined ? undefined : compressionNamed(g, compress, 'compress', 'compress');
  const owners = numericowner === true ? undefined : await OwnerNames.read(g);
  const isExcluded = excludes.length === 0 ? undefined : exclusion(excludes);
  const entries = guestEntries(g, top, action, { ...kept, owners, isExcluded, hardLinks: true });
  const bytes = gathered(tarBytes(entries));
  await pourInto(g, target, type === undefined ? bytes : g.platform.compress(type, bytes), action);
}

/** Copy a file or directory of the host into a directory of the guest. */
export async function copyIn(g: Session, localpath: string, remotedir: string, action: string): Promise<void> {
  const top = await directoryAt(g, remotedir, action);
  await new Unpacker(g, top, action).unpack(hostEntries(g, localpath, action));
}

/** Copy a file or directory of the guest into a folder of the host. */
export async function copyOut(g: Session, remotepath: string, localdir: string, action: string): Promise<void> {
  const { tree } = g.platform;
  // The folder itself may be named through a link: it is the caller's own.
  const folder = await tree.lstat(`${localdir}/.`);
  if (folder?.kind !== 'directory') {
    throw new UsageError(`target '${localdir}' is not a directory`, { argument: 'localdir' });
  }
  const location = await g.vfs.resolve(remotepath, action, false);
  const type = (await g.vfs.statAt(location)).mode & S_IFMT;
  const target = location.name === '' ? localdir : tree.join(localdir, location.name);
  const entries = guestEntries(g, location, action, { hardLinks: true });
  if (type === S_IFDIR) return new HostWriter(g, target, action).write(entries);
  const { value: entry } = await entries.next();
  await entries.return(undefined);
  if (type !== S_IFREG || entry === undefined) {
    throw new UsageError(`'${remotepath}' is not a file or directory`, { argument: 'remotepath' });
  }
  await new HostWriter(g, target, action).writeFile(target, entry);
}
