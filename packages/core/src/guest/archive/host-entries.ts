import { isZero } from '../../binary/index.js';
import type { HostEntry } from '../../contracts/index.js';
import { AbortedError, HostError, LimitExceededError } from '../../errors/index.js';
import type { Session } from '../session.js';
import { type ArchiveEntry, type ContentRun, NO_XATTRS, noContent } from './entry.js';

const MAX_DEPTH = 2048;
/** Unit in which zeros of sparse files are looked for, bytes. */
const HOLE_UNIT = 64 * 1024;

/** A file or directory of the host and everything below it, its own name first. Links are not followed. @throws HostError */
export async function* hostEntries(g: Session, path: string, action: string): AsyncGenerator<ArchiveEntry> {
  const { tree } = g.platform;
  const found = await tree.lstat(path);
  if (found === undefined) {
    throw new HostError({ path, operation: action, errno: 'ENOENT', reason: 'no such file or directory' });
  }
  const base = tree.basename(path);
  // `.` and `/` have no name of their own: what is in them is copied.
  const name = /^(\.{0,2}|[/\\]|[A-Za-z]:)$/.test(base) ? '' : base;
  yield* new HostWalk(g, action).walk(path, name, found, 0);
}

class HostWalk {
  /** First names of objects that have several. */
  readonly #first = new Map<string, string>();

  constructor(
    private readonly g: Session,
    private readonly action: string,
  ) {}

  async *walk(path: string, name: string, found: HostEntry, depth: number): AsyncGenerator<ArchiveEntry> {
    if (this.g.signal.aborted) throw new AbortedError(this.action, this.g.signal.reason);
    if (depth > MAX_DEPTH) throw new LimitExceededError({ limit: 'directory depth', value: depth, max: MAX_DEPTH });
    yield await this.#entry(path, name, found);
    if (found.kind !== 'directory') return;
    const { tree } = this.g.platform;
    for (const child of await tree.list(path)) {
      const childPath = tree.join(path, child);
      const entry = await tree.lstat(childPath);
      // Gone in between: as if it had never been there.
      if (entry !== undefined) yield* this.walk(childPath, name === '' ? child : `${name}/${child}`, entry, depth + 1);
    }
  }

  async #entry(path: string, name: string, found: HostEntry): Promise<ArchiveEntry> {
    const { kind, mode, uid, gid, size, rdev, mtime, link } = found;
    const first = link === undefined ? undefined : this.#first.get(link);
    if (link !== undefined && first === undefined) this.#first.set(link, name);
    const isFile = first === undefined && kind === 'file';
    return {
      name,
      kind: first === undefined ? kind : 'hardlink',
      mode,
      uid,
      gid,
      mtime,
      size: isFile ? size : 0,
      target: first ?? (kind === 'symlink' ? await this.g.platform.tree.readlink(path) : ''),
      rdev,
      xattrs: NO_XATTRS,
      content: isFile ? () => this.#content(path, found) : noContent,
    };
  }

  /** As many bytes as the file had when it was looked at. Where it has holes, zeros are left out. */
  async *#content(path: string, { size, allocated }: HostEntry): AsyncGenerator<ContentRun> {
    const isSparse = allocated < size;
    let offset = 0;
    for await (const chunk of this.g.platform.read(path)) {
      const bytes = chunk.subarray(0, size - offset);
      const unit = isSparse ? HOLE_UNIT : Math.max(1, bytes.length);
      for (let at = 0; at < bytes.length; at += unit) {
        const data = bytes.subarray(at, at + unit);
        if (!isSparse || !isZero(data)) yield { offset: offset + at, data };
      }
      offset += bytes.length;
      if (offset >= size) return;
    }
  }
}
