import { S_IFBLK, S_IFCHR, S_IFIFO, type SetAttributes, supports } from '../../contracts/index.js';
import { AbortedError, FsError, messageOf, UsageError } from '../../errors/index.js';
import { ACL_ACCESS, ACL_DEFAULT, encodeAcl, type Location } from '../../vfs/index.js';
import { isValidAcl, parseAcl } from '../acl-text.js';
import { gathered } from '../file-content.js';
import type { Session } from '../session.js';
import type { ArchiveEntry, ContentRun } from './entry.js';
import { OwnerNames } from './owner-names.js';
import { memberName } from './tar-reader.js';

/** How to unpack. */
export interface UnpackOptions {
  readonly xattrs?: boolean | undefined;
  readonly acls?: boolean | undefined;
  readonly selinux?: boolean | undefined;
  /** Leave symbolic links to directories where the archive has a directory. */
  readonly keepDirectoryLinks?: boolean | undefined;
}

const PERMISSIONS = 0o7777;

/** Puts entries below a directory of the guest, as `tar -xp` does as root: what is in the way is replaced. */
export class Unpacker {
  /** Directories get their attributes at the end, when nothing changes in them any more. */
  readonly #directories: { location: Location; entry: ArchiveEntry }[] = [];
  /** Links that lead out of the directory are made at the end, so that no entry goes through them. */
  readonly #outwardLinks = new Map<string, ArchiveEntry>();
  readonly #notKept = new Set<string>();
  #owners: OwnerNames | undefined;

  constructor(
    private readonly g: Session,
    private readonly top: Location,
    private readonly action: string,
    private readonly options: UnpackOptions = {},
  ) {}

  async unpack(entries: AsyncIterable<ArchiveEntry>): Promise<void> {
    const { g, action } = this;
    let done = 0;
    for await (const entry of entries) {
      if (g.signal.aborted) throw new AbortedError(action, g.signal.reason);
      await this.#place(entry);
      g.events.emit('progress', { phase: action, done: ++done, unit: 'files' });
    }
    for (const [name, entry] of this.#outwardLinks) await this.#placeLink(name, entry);
    for (const { location, entry } of this.#directories.reverse()) await this.#giveAttributes(location, entry);
  }

  #path(name: string): string {
    return name === '' ? this.top.path : this.top.childPath(name);
  }

  async #place(entry: ArchiveEntry): Promise<void> {
    const { name, kind } = entry;
    if (kind === 'directory') return this.#placeDirectory(entry);
    if (kind === 'socket') return;
    if (name === '') throw new FsError('EISDIR', { operation: this.action, path: this.top.path });
    this.#outwardLinks.delete(name);
    if (kind === 'symlink' && isOutward(entry.target)) {
      this.#outwardLinks.set(name, entry);
      return;
    }
    if (kind === 'hardlink') return this.#placeHardLink(entry);
    if (kind === 'symlink') return this.#placeLink(name, entry);
    const path = await this.#makeRoom(name);
    if (kind === 'file') await this.#placeFile(path, entry);
    else await this.#placeSpecial(path, entry);
  }

  async #placeDirectory(entry: ArchiveEntry): Promise<void> {
    const { vfs } = this.g;
    const path = this.#path(entry.name);
    this.#outwardLinks.delete(entry.name);
    let location = entry.name === '' ? this.top : await vfs.find(path, this.action, false);
    if (location !== undefined && this.options.keepDirectoryLinks === true && (await location.isLink())) {
      const behind = await vfs.find(path, this.action);
      if ((await behind?.isDirectory()) === true) location = behind;
    }
    if (location === undefined || !(await location.isDirectory())) {
      await this.#makeRoom(entry.name);
      location = await vfs.edit.mkdir(path, (entry.mode & 0o777) | 0o700, this.action);
    }
    this.#directories.push({ location, entry });
  }

  async #placeFile(path: string, entry: ArchiveEntry): Promise<void> {
    const { g, action } = this;
    const options = { create: entry.mode & 0o777, exclusive: true };
    const file = await g.vfs.edit.open(path, options, action);
    let end = 0;
    for await (const { offset, data } of merged(entry.content())) {
      if (g.signal.aborted) throw new AbortedError(action, g.signal.reason);
      await file.write(offset, data);
      end = offset + data.length;
    }
    if (end < entry.size) await file.truncate(entry.size);
    await this.#giveAttributes(file.location, entry);
  }

  async #placeSpecial(path: string, entry: ArchiveEntry): Promise<void> {
    const type = entry.kind === 'fifo' ? S_IFIFO : entry.kind === 'block-device' ? S_IFBLK : S_IFCHR;
    const location = await this.g.vfs.edit.mknod(path, type | (entry.mode & 0o777), entry.rdev, this.action);
    await this.#giveAttributes(location, entry);
  }

  async #placeLink(name: string, entry: ArchiveEntry): Promise<void> {
    const path = await this.#makeRoom(name);
    const location = await this.g.vfs.edit.symlink(entry.target, path, this.action);
    await this.#giveAttributes(location, entry);
  }

  async #placeHardLink({ name, target }: ArchiveEntry): Promise<void> {
    const { vfs } = this.g;
    const existing = memberName(target);
    const outward = this.#outwardLinks.get(existing);
    if (outward !== undefined) {
      this.#outwardLinks.set(name, outward);
      return;
    }
    const from = await vfs.resolve(this.#path(existing), this.action, false);
    const there = await vfs.find(this.#path(name), this.action, false);
    if (there?.isSame(from) === true) return;
    const path = await this.#makeRoom(name);
    await vfs.edit.link(from.path, path, this.action);
  }

  /** Take away what is at a name, and make the directories above it. @returns its path @throws FsError EISDIR for a directory that is not empty */
  async #makeRoom(name: string): Promise<string> {
    const { vfs } = this.g;
    const path = this.#path(name);
    const existing = await vfs.find(path, this.action, false);
    if (existing === undefined) await this.#makeParents(name);
    else if (await existing.isDirectory()) await this.#removeDirectory(path);
    else await vfs.edit.unlink(path, this.action);
    return path;
  }

  async #removeDirectory(path: string): Promise<void> {
    try {
      await this.g.vfs.edit.rmdir(path, this.action);
    } catch (error) {
      if (!(error instanceof FsError) || error.code !== 'ENOTEMPTY') throw error;
      const reason = 'a directory that is not empty is in the way';
      throw new FsError('EISDIR', { operation: this.action, path, reason }, error);
    }
  }

  async #makeParents(name: string): Promise<void> {
    for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) {
      const path = this.#path(name.slice(0, at));
      const existing = await this.g.vfs.find(path, this.action);
      if (existing === undefined) await this.g.vfs.edit.mkdir(path, 0o777, this.action);
      else if (!(await existing.isDirectory())) throw new FsError('ENOTDIR', { operation: this.action, path });
    }
  }

  /** In this order: a new owner drops setuid and capabilities, a new mode changes the access list. */
  async #giveAttributes(location: Location, entry: ArchiveEntry): Promise<void> {
    await this.#set(location, 'owner', { uid: entry.uid, gid: entry.gid });
    if (entry.kind !== 'symlink') {
      await this.#set(location, 'permissions', { mode: entry.mode & PERMISSIONS });
      if (this.options.acls === true) await this.#giveAcls(location, entry);
    }
    if (this.options.selinux === true && entry.selinux !== undefined) {
      await this.#setXattr(location, 'security.selinux', new TextEncoder().encode(`${entry.selinux}\0`));
    }
    if (this.options.xattrs === true) {
      for (const [name, value] of entry.xattrs) await this.#setXattr(location, name, value);
    }
    const { mtime } = entry;
    await this.#set(location, 'times', { mtime });
  }

  async #giveAcls(location: Location, entry: ArchiveEntry): Promise<void> {
    const owners = await this.#ownerNames();
    for (const [name, text] of [
      [ACL_ACCESS, entry.accessAcl],
      [ACL_DEFAULT, entry.defaultAcl],
    ] as const) {
      if (text === undefined || (name === ACL_DEFAULT && entry.kind !== 'directory')) continue;
      // The attribute itself has numbers where the text may have names that nobody has here.
      if (this.options.xattrs === true && entry.xattrs.has(name)) continue;
      await this.#attempt(location, name, async () => {
        const acl = parseAcl(text, owners);
        if (isValidAcl(acl)) return this.#setXattr(location, name, encodeAcl(acl));
        throw new UsageError(`not a valid access list: ${text.trim()}`);
      });
    }
  }

  async #ownerNames(): Promise<OwnerNames> {
    this.#owners ??= await OwnerNames.read(this.g);
    return this.#owners;
  }

  async #setXattr(location: Location, name: string, value: Uint8Array): Promise<void> {
    await this.#attempt(location, name, async () => {
      const fs = this.g.vfs.edit.writable(location, this.action, location.path);
      if (!supports(fs, 'xattr')) throw new FsError('ENOTSUP', { operation: this.action, path: location.path });
      await fs.setXattr(location.node, name, value);
    });
  }

  async #set(location: Location, what: string, attributes: SetAttributes): Promise<void> {
    await this.#attempt(location, what, () =>
      this.g.vfs.edit.setattrAt(location, attributes, this.action, location.path),
    );
  }

  /** A file system without owners or attributes keeps none: one warning for each kind of them. */
  async #attempt(location: Location, what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const isNotKept = error instanceof FsError && (error.code === 'EPERM' || error.code === 'ENOTSUP');
      if (!isNotKept && !(error instanceof UsageError)) throw error;
      if (this.#notKept.has(what)) return;
      this.#notKept.add(what);
      const message = `${location.path}: ${what} not kept, nor of others: ${messageOf(error)}`;
      this.g.warn({ source: this.action, message, cause: error });
    }
  }
}

/** Whether a link may lead out of the directory that is unpacked into. */
function isOutward(target: string): boolean {
  return target.startsWith('/') || target.split('/').includes('..');
}

/** Runs that follow each other put together, so that the file system sees few large writes. */
async function* merged(runs: AsyncIterable<ContentRun>): AsyncGenerator<ContentRun> {
  const iterator = runs[Symbol.asyncIterator]();
  let next = await iterator.next();
  try {
    while (next.done !== true) {
      const { offset } = next.value;
      const adjoining = async function* (): AsyncGenerator<Uint8Array> {
        for (let end = offset; next.done !== true && next.value.offset === end; next = await iterator.next()) {
          end += next.value.data.length;
          yield next.value.data;
        }
      };
      let at = offset;
      for await (const data of gathered(adjoining())) {
        yield { offset: at, data };
        at += data.length;
      }
    }
  } finally {
    await iterator.return?.();
  }
}
