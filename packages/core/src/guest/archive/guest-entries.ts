import {
  type FsStat,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  supports,
} from '../../contracts/index.js';
import { AbortedError, FsError } from '../../errors/index.js';
import { ACL_ACCESS, ACL_DEFAULT, type Location, walkTree } from '../../vfs/index.js';
import { decodeValue, formatAcl } from '../acl-text.js';
import { textOf } from '../file-content.js';
import type { Session } from '../session.js';
import { type ArchiveEntry, type ContentRun, type EntryKind, NO_DEVICE, NO_XATTRS, noContent } from './entry.js';
import type { OwnerNames } from './owner-names.js';

const SELINUX = 'security.selinux';

/** What to take of a tree. */
export interface GuestEntryOptions {
  readonly xattrs?: boolean | undefined;
  readonly acls?: boolean | undefined;
  readonly selinux?: boolean | undefined;
  /** Names of owners; undefined where numbers are enough. */
  readonly owners?: OwnerNames | undefined;
  /** Leave out what has this path below the top, and everything in it. */
  readonly isExcluded?: ((name: string) => boolean) | undefined;
  /** Later names of an object are hard links to the first one. */
  readonly hardLinks?: boolean;
}

const KINDS: ReadonlyMap<number, EntryKind> = new Map([
  [S_IFREG, 'file'],
  [S_IFDIR, 'directory'],
  [S_IFLNK, 'symlink'],
  [S_IFCHR, 'character-device'],
  [S_IFBLK, 'block-device'],
  [S_IFIFO, 'fifo'],
]);

/** A directory of the guest and everything below it, in order of names. Mounts are entered, links are not followed. */
export async function* guestEntries(
  g: Session,
  top: Location,
  action: string,
  options: GuestEntryOptions,
): AsyncGenerator<ArchiveEntry> {
  const reader = new EntryReader(g, action, options);
  const isExcluded = options.isExcluded ?? (() => false);
  if (isExcluded('')) return;
  yield await reader.entry(top, '');
  const walk = walkTree(g.vfs, top, { sorted: true, signal: g.signal, prune: ({ relative }) => isExcluded(relative) });
  let done = 0;
  for await (const { location, relative } of walk) {
    if (g.signal.aborted) throw new AbortedError(action, g.signal.reason);
    if (isExcluded(relative)) continue;
    yield await reader.entry(location, relative);
    g.events.emit('progress', { phase: action, done: ++done, unit: 'files' });
  }
}

class EntryReader {
  /** First names of objects that have several, by file system and inode. */
  readonly #first = new Map<unknown, Map<number, string>>();

  constructor(
    private readonly g: Session,
    private readonly action: string,
    private readonly options: GuestEntryOptions,
  ) {}

  async entry(location: Location, name: string): Promise<ArchiveEntry> {
    const { owners } = this.options;
    const stat = await this.g.vfs.statAt(location);
    const kind = KINDS.get(stat.mode & S_IFMT) ?? 'socket';
    const first = this.#firstName(location, stat, name);
    const isFile = first === undefined && kind === 'file';
    const isLink = first === undefined && kind === 'symlink';
    return {
      name,
      kind: first === undefined ? kind : 'hardlink',
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      userName: owners?.user(stat.uid),
      groupName: owners?.group(stat.gid),
      mtime: stat.mtime,
      size: isFile ? stat.size : 0,
      target: first ?? (isLink ? await location.mount.fs.readlink(location.node) : ''),
      rdev: kind === 'block-device' || kind === 'character-device' ? stat.rdev : NO_DEVICE,
      xattrs: NO_XATTRS,
      ...(first === undefined ? await this.#attributes(location, stat) : {}),
      content: isFile ? () => contentRuns(this.g, location, stat, this.action) : noContent,
    };
  }

  #firstName(location: Location, stat: FsStat, name: string): string | undefined {
    if (this.options.hardLinks !== true || stat.nlink < 2 || (stat.mode & S_IFMT) === S_IFDIR) return undefined;
    const { fs } = location.mount;
    const byIno = this.#first.get(fs) ?? new Map<number, string>();
    this.#first.set(fs, byIno);
    const first = byIno.get(stat.ino);
    if (first === undefined) byIno.set(stat.ino, name);
    return first;
  }

  async #attributes({ mount: { fs }, node }: Location, stat: FsStat): Promise<Partial<ArchiveEntry>> {
    const { xattrs, acls, selinux } = this.options;
    if (!supports(fs, 'xattr') || !(xattrs || acls || selinux)) return {};
    const values = new Map<string, Uint8Array>();
    for (const name of await fs.listXattr(node)) {
      const value = await fs.getXattr(node, name);
      if (value !== undefined) values.set(name, value);
    }
    const acl = (name: string) => {
      const value = values.get(name);
      return value === undefined ? undefined : formatAcl(decodeValue(value));
    };
    const context = values.get(SELINUX);
    const isDirectory = (stat.mode & S_IFMT) === S_IFDIR;
    return {
      ...(xattrs === true ? { xattrs: values } : {}),
      ...(acls === true ? { accessAcl: acl(ACL_ACCESS), defaultAcl: isDirectory ? acl(ACL_DEFAULT) : undefined } : {}),
      ...(selinux === true && context !== undefined ? { selinux: textOf(context).replace(/\0+$/, '') } : {}),
    };
  }
}

/** The bytes of a file; holes are left out where the file system knows them. @throws FsError EIO when it ends early */
async function* contentRuns(g: Session, location: Location, stat: FsStat, action: string): AsyncGenerator<ContentRun> {
  const { size } = stat;
  const { fs } = location.mount;
  const file = await g.vfs.openAt(location, action, location.path, { signal: g.signal });
  const isSparse = supports(fs, 'sparse') && stat.blocks * 512 < size;
  const runs = isSparse ? fs.extents(location.node) : [{ offset: 0, length: size, kind: 'data' as const }];
  for await (const { offset, length, kind } of runs) {
    const end = Math.min(offset + length, size);
    if (kind !== 'data' || offset >= size) continue;
    let at = offset;
    for await (const data of file.stream(offset, end)) {
      if (g.signal.aborted) throw new AbortedError(action, g.signal.reason);
      yield { offset: at, data };
      at += data.length;
    }
    if (at < end) throw new FsError('EIO', { operation: action, path: location.path, reason: 'ended early' });
  }
}
