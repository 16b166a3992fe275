import type { Inode } from '../inode.js';
import type { SecuritySource } from '../new-file.js';
import type { Volume } from '../volume.js';
import { missingDescriptor, readDescriptor, securityIdOf } from './descriptor-reader.js';
import { inheritDescriptor } from './inherit.js';
import type { SecureEditor } from './secure-editor.js';
import type { SecureStore } from './secure-store.js';

const MAX_REMEMBERED = 1024;

/** Gives new objects the descriptor that they inherit from their directory. */
export class InheritedSecurity implements SecuritySource {
  /** By the id of the directory's descriptor and the kind of the child. */
  readonly #known = new Map<string, number>();

  constructor(
    private readonly volume: Volume,
    private readonly store: SecureStore,
    private readonly editor: SecureEditor,
  ) {}

  async inherited(parent: Inode, isDirectory: boolean): Promise<number> {
    const parentId = securityIdOf(parent);
    const key = `${parentId === 0 ? `record ${parent.number}` : parentId} ${isDirectory}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const descriptor = (await readDescriptor(this.volume, this.store, parent)) ?? missingDescriptor();
    const id = await this.editor.idFor(inheritDescriptor(descriptor, isDirectory));
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear();
    this.#known.set(key, id);
    return id;
  }

  /** A descriptor was changed: what was known of directories may be old. */
  forget(): void {
    this.#known.clear();
  }
}
