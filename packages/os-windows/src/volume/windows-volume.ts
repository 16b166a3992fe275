import { equalBytes } from '@vmcraft/core/binary';
import { CapabilityError, FsError, LimitExceededError, UsageError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';
import type { Location } from '@vmcraft/core/vfs';

/** Bytes of a file that is read at once: INFs, catalogs, drivers. */
const MAX_FILE = 256 << 20;
/** Permission bits for file systems that have them; NTFS takes what the folder says. */
const NEW_FILE = 0o644;
const NEW_FOLDER = 0o755;
/** Folders that Windows may be in; upgrades from Windows 2000 kept the second. */
const SYSTEM_ROOTS = ['Windows', 'WINNT'];

/** The mounted system volume of a Windows guest. Paths have forward slashes, begin at its root, and any case. */
export class WindowsVolume {
  /** Names as folders list them, by the path that asked. Nothing is renamed while a volume is worked on. */
  readonly #trueNames = new Map<string, string>();

  private constructor(
    readonly g: Session,
    /** The system folder as the guest writes it: `/Windows`. */
    readonly systemRoot: string,
    readonly action: string,
  ) {}

  /**
   * The volume mounted at `/`.
   * @throws UsageError when there is no Windows on it
   */
  static async open(g: Session, action: string): Promise<WindowsVolume> {
    for (const name of SYSTEM_ROOTS) {
      const volume = new WindowsVolume(g, `/${name}`, action);
      const hive = await volume.find(`/${name}/System32/config/SYSTEM`);
      if (hive !== undefined) return new WindowsVolume(g, await volume.truePath(`/${name}`), action);
    }
    const hint = 'mount the system volume of the guest at / first: mountRoot(), or -i in the shell';
    throw new UsageError('no Windows is mounted at /', { action, hint });
  }

  /** What is at a path, names in any case; undefined when nothing is. Links are not followed. */
  async find(path: string): Promise<Location | undefined> {
    let at: Location = this.g.vfs.root;
    for (const name of namesOf(path)) {
      const next = await this.#child(at, name);
      if (next === undefined) return undefined;
      at = next;
    }
    return at;
  }

  /** The path with the case that the guest has, as far as it is there; the rest stays as given. */
  async truePath(path: string): Promise<string> {
    let at: Location | undefined = this.g.vfs.root;
    let result = '';
    for (const name of namesOf(path)) {
      const dir: Location | undefined = at;
      at = dir === undefined ? undefined : await this.#child(dir, name);
      result += `/${at === undefined || dir === undefined ? name : await this.#trueName(dir, at, `${result}/${name}`)}`;
    }
    return result === '' ? '/' : result;
  }

  /** As the folder lists it: a file system that ignores case finds it by any. */
  async #trueName(dir: Location, found: Location, path: string): Promise<string> {
    if (!dir.mount.fs.caseInsensitive) return found.name;
    const known = this.#trueNames.get(path);
    if (known !== undefined) return known;
    const folded = fold(found.name);
    for await (const entry of dir.mount.fs.readdir(dir.node)) {
      if (fold(entry.name) !== folded) continue;
      this.#trueNames.set(path, entry.name);
      return entry.name;
    }
    return found.name;
  }

  async #child(dir: Location, name: string): Promise<Location | undefined> {
    if (!(await dir.isDirectory())) return undefined;
    const exact = await this.g.vfs.child(dir, name);
    if (exact !== undefined || dir.mount.fs.caseInsensitive) return exact;
    const folded = fold(name);
    for await (const entry of dir.mount.fs.readdir(dir.node)) {
      if (fold(entry.name) === folded) return this.g.vfs.child(dir, entry.name);
    }
    return undefined;
  }

  async isFile(path: string): Promise<boolean> {
    const found = await this.find(path);
    return found !== undefined && !(await found.isDirectory());
  }

  /** Names in a folder; none when it is missing. */
  async list(path: string): Promise<readonly string[]> {
    const dir = await this.find(path);
    if (dir === undefined || !(await dir.isDirectory())) return [];
    const names: string[] = [];
    for await (const { name } of dir.mount.fs.readdir(dir.node)) names.push(name);
    return names.sort();
  }

  /** Size of a file in bytes; undefined when there is none. */
  async size(path: string): Promise<number | undefined> {
    const found = await this.find(path);
    if (found === undefined || (await found.isDirectory())) return undefined;
    return (await this.g.vfs.statAt(found)).size;
  }

  /** A whole file; undefined when there is none. @throws LimitExceededError above 256 MiB */
  async read(path: string, limit = MAX_FILE): Promise<Uint8Array | undefined> {
    const size = await this.size(path);
    if (size === undefined) return undefined;
    if (size > limit) throw new LimitExceededError({ limit: `size of ${path}`, value: size, max: limit });
    const found = (await this.find(path))!;
    return found.mount.fs.read(found.node, 0, size);
  }

  /** The first bytes of a file. */
  async head(path: string, length: number): Promise<Uint8Array | undefined> {
    const found = await this.find(path);
    if (found === undefined || (await found.isDirectory())) return undefined;
    return found.mount.fs.read(found.node, 0, length);
  }

  /** Whether a file has exactly these bytes. */
  async hasContent(path: string, bytes: Uint8Array): Promise<boolean> {
    if ((await this.size(path)) !== bytes.length) return false;
    const found = await this.read(path);
    return found !== undefined && equalBytes(found, bytes);
  }

  /** @throws CapabilityError (`VMC_READ_ONLY`) for a volume that is hibernated, FsError EROFS for others that are not writable */
  async requireWritable(): Promise<void> {
    const { root } = this.g.vfs;
    try {
      this.g.vfs.edit.writable(root, this.action, root.path);
    } catch (error) {
      // It begins with `hibr` or `HIBR` while a session waits in it, with `wake` when that was resumed.
      const head = await this.head('/hiberfil.sys', 4);
      if (String.fromCharCode(...(head ?? [])).toLowerCase() !== 'hibr') throw error;
      const remedy = 'start it and shut it down with: shutdown /s /f /t 0';
      throw CapabilityError.readOnly('the Windows volume', `Windows is hibernated, perhaps by fast startup; ${remedy}`);
    }
  }

  /** Make a folder and those above it. @returns true path, and the folders that were made, outermost first */
  async mkdirs(path: string): Promise<{ readonly path: string; readonly made: readonly string[] }> {
    const target = await this.truePath(path);
    const made: string[] = [];
    let at = '';
    for (const name of namesOf(target)) {
      at += `/${name}`;
      const found = await this.find(at);
      if (found === undefined) {
        await this.g.vfs.edit.mkdir(at, NEW_FOLDER, this.action);
        made.push(at);
      } else if (!(await found.isDirectory())) throw new FsError('ENOTDIR', { operation: this.action, path: at });
    }
    return { path: target, made };
  }

  /** Write a file, replacing what it has. Its folder must be there. @returns its true path */
  async write(path: string, bytes: Uint8Array): Promise<string> {
    const target = await this.truePath(path);
    const file = await this.g.vfs.edit.open(target, { create: NEW_FILE, truncate: true }, this.action);
    for (let at = 0; at < bytes.length; at += 1 << 20) await file.write(at, bytes.subarray(at, at + (1 << 20)));
    return target;
  }

  /** Take a file away. */
  async unlink(path: string): Promise<void> {
    await this.g.vfs.edit.unlink(await this.truePath(path), this.action);
  }

  /** Take an empty folder away. */
  async rmdir(path: string): Promise<void> {
    await this.g.vfs.edit.rmdir(await this.truePath(path), this.action);
  }
}

function namesOf(path: string): string[] {
  return path.split(/[\\/]+/).filter((name) => name !== '' && name !== '.');
}

/** As NTFS compares names: by their upper case. */
const fold = (name: string): string => name.toUpperCase();
