import { HostError } from '../../errors/index.js';
import type { Session } from '../session.js';
import { type ArchiveEntry, zeros } from './entry.js';

/**
 * Puts entries below a folder of the host. The entries come from a guest and may be meant to harm: nothing is opened or made through a
 * link, and no link is made that leads out of the folder. Owners and set-id bits are not taken over.
 */
export class HostWriter {
  readonly #directories: { path: string; entry: ArchiveEntry }[] = [];
  /** Names that were made, for hard links. */
  readonly #made = new Set<string>();
  readonly #left = new Set<string>();

  /** @param folder what the entry without a name becomes */
  constructor(
    private readonly g: Session,
    private readonly folder: string,
    private readonly action: string,
  ) {}

  /** Directories must come before what is in them. */
  async write(entries: AsyncIterable<ArchiveEntry>): Promise<void> {
    const { tree } = this.g.platform;
    for await (const entry of entries) await this.#place(entry);
    for (const { path, entry } of this.#directories.reverse()) {
      await tree.setAttributes(path, { mode: entry.mode & 0o777, mtime: entry.mtime });
    }
  }

  async #place(entry: ArchiveEntry): Promise<void> {
    const { name, kind } = entry;
    const path = this.#path(name);
    if (kind === 'directory') await this.#placeDirectory(path, entry);
    else if (kind === 'file') await this.writeFile(path, entry);
    else if (kind === 'symlink') await this.#placeLink(path, entry);
    else if (kind === 'hardlink') await this.#placeHardLink(path, entry);
    else this.#leave(kind, `${name}: a ${kind} is not copied`);
  }

  /** Each part is checked by `join`; every directory on the way was made or looked at before. */
  #path(name: string): string {
    const { tree } = this.g.platform;
    return name === '' ? this.folder : name.split('/').reduce((path, part) => tree.join(path, part), this.folder);
  }

  async #placeDirectory(path: string, entry: ArchiveEntry): Promise<void> {
    const { tree } = this.g.platform;
    const existing = await tree.lstat(path);
    if (existing === undefined) await tree.mkdir(path, (entry.mode & 0o777) | 0o700);
    else if (existing.kind !== 'directory') {
      throw new HostError({ path, operation: 'mkdir', errno: 'EEXIST', reason: `a ${existing.kind} is there` });
    }
    this.#directories.push({ path, entry });
  }

  /** A new file in the place of whatever had the name. */
  async writeFile(path: string, entry: ArchiveEntry): Promise<void> {
    const { platform } = this.g;
    await this.#makeRoom(path);
    const sink = await platform.create(path, { exclusive: true, mode: entry.mode & 0o777 });
    try {
      let at = 0;
      const pass = async (length: number): Promise<void> => {
        if (length > 0 && sink.skip !== undefined) await sink.skip(length);
        else for (const chunk of zeros(length)) await sink.write(chunk);
      };
      for await (const { offset, data } of entry.content()) {
        await pass(offset - at);
        await sink.write(data);
        at = offset + data.length;
        this.g.events.emit('progress', { phase: this.action, done: at, total: entry.size, unit: 'bytes' });
      }
      await pass(entry.size - at);
      await sink.close?.();
    } catch (error) {
      await sink.abort?.(error);
      throw error;
    }
    await platform.tree.setAttributes(path, { mode: entry.mode & 0o777, mtime: entry.mtime });
    this.#made.add(entry.name);
  }

  async #placeLink(path: string, { name, target }: ArchiveEntry): Promise<void> {
    if (!isInside(name, target)) {
      return this.#leave(
        `link ${name}`,
        `${name}: its target '${target}' is outside of the copy: the link is left out`,
      );
    }
    await this.#makeRoom(path);
    await this.g.platform.tree.symlink(target, path);
    this.#made.add(name);
  }

  async #placeHardLink(path: string, { name, target }: ArchiveEntry): Promise<void> {
    if (!this.#made.has(target))
      return this.#leave(`link ${name}`, `${name}: '${target}' was left out, and so is this`);
    await this.#makeRoom(path);
    await this.g.platform.tree.link(this.#path(target), path);
    this.#made.add(name);
  }

  async #makeRoom(path: string): Promise<void> {
    const { tree } = this.g.platform;
    const existing = await tree.lstat(path);
    if (existing === undefined) return;
    if (existing.kind === 'directory') {
      throw new HostError({ path, operation: this.action, errno: 'EISDIR', reason: 'a directory is there' });
    }
    await tree.unlink(path);
  }

  #leave(key: string, message: string): void {
    if (this.#left.has(key)) return;
    this.#left.add(key);
    this.g.warn({ source: this.action, message });
  }
}

/**
 * Whether a link stays below the top. `..` only counts at the start, where the directories are known to be real ones: after a name it
 * could go up from wherever another link leads.
 */
export function isInside(name: string, target: string): boolean {
  if (target.startsWith('/') || /^[A-Za-z]:|\\/.test(target)) return false;
  const parts = target.split('/').filter((part) => part !== '' && part !== '.');
  const ups = parts.findIndex((part) => part !== '..');
  const up = ups < 0 ? parts.length : ups;
  const depth = name.split('/').length - 1;
  return up <= depth && !parts.slice(up).includes('..');
}
