import { FsError } from '@vmcraft/core/errors';
import type { WindowsVolume } from '../volume/windows-volume.js';

/** Room that stays free besides what files need: folders, hives that grow. */
const RESERVE = 8 << 20;

interface PlannedFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Files that are to be written together, or not at all. */
export class FileBatch {
  readonly #files = new Map<string, PlannedFile>();
  readonly #undo: (() => Promise<void>)[] = [];

  constructor(private readonly volume: WindowsVolume) {}

  /** Plan a file; one that has these bytes already is left alone. */
  async add(path: string, bytes: Uint8Array): Promise<void> {
    if (await this.volume.hasContent(path, bytes)) return;
    this.#files.set(path.toLowerCase(), { path, bytes });
  }

  /** @throws FsError ENOSPC */
  async checkRoom(): Promise<void> {
    let needed = RESERVE;
    for (const { bytes } of this.#files.values()) needed += bytes.length;
    if (this.#files.size === 0) return;
    const { blocksFree, fragmentSize } = await this.volume.g.vfs.root.mount.fs.statfs();
    if (blocksFree * fragmentSize >= needed) return;
    const reason = `${needed} bytes are needed, ${blocksFree * fragmentSize} are free`;
    throw new FsError('ENOSPC', { operation: this.volume.action, path: '/', reason });
  }

  /** Write them all; when one fails, what was written goes. @returns true paths of the files written */
  async write(): Promise<readonly string[]> {
    const written: string[] = [];
    try {
      for (const file of this.#files.values()) written.push(await this.#writeOne(file));
      return written;
    } catch (error) {
      await this.undo();
      throw error;
    }
  }

  /** Take back what {@link write} did. */
  async undo(): Promise<void> {
    for (let step = this.#undo.pop(); step !== undefined; step = this.#undo.pop()) await step();
  }

  async #writeOne({ path, bytes }: PlannedFile): Promise<string> {
    const { volume } = this;
    const folder = path.slice(0, path.lastIndexOf('/'));
    const { made } = await volume.mkdirs(folder);
    for (const name of made) this.#undo.push(() => volume.rmdir(name));
    const before = await volume.read(path);
    this.#undo.push(async () => {
      if (before !== undefined) await volume.write(path, before);
      else if (await volume.isFile(path)) await volume.unlink(path);
    });
    return volume.write(path, bytes);
  }
}
