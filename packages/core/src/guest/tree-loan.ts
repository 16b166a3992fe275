import type { BorrowedMount, TreeBorrower } from '../contracts/index.js';
import { messageOf } from '../errors/index.js';
import type { Session } from './session.js';

/** Prefix of the sources of mounted files, which only this process can open. */
const LOOP = 'loop:';

/**
 * The mounted tree is open either in this process or in somebody else's hands, never in both: two that write one file system would ruin
 * it. It stays lent from one call to the next, until something here needs it.
 */
export class TreeLoan {
  #out: { readonly borrower: TreeBorrower; readonly mounts: readonly BorrowedMount[] } | undefined;

  constructor(private readonly session: Session) {}

  /** Close all file systems here and let `borrower` mount the same. Does nothing when it has the tree already. */
  async lend(borrower: TreeBorrower): Promise<void> {
    if (this.#out?.borrower === borrower) return;
    await this.takeBack();
    const { mounts, opened } = this.session;
    const list = mounts.describe();
    await mounts.umountAll();
    await opened.filesystems.close();
    this.#out = { borrower, mounts: list };
    try {
      await borrower.take(list.filter(({ source }) => !source.startsWith(LOOP)));
    } catch (error) {
      await this.takeBack().catch((second: unknown) => this.#warn(second));
      throw error;
    }
  }

  /** Look again at what lies on the disks, and mount what was mounted. */
  async takeBack(): Promise<void> {
    const out = this.#out;
    if (out === undefined) return;
    await out.borrower.giveBack();
    this.#out = undefined;
    const { storage, mounts } = this.session;
    for (const { name, kind } of storage.devices) if (kind === 'disk') await storage.rescan(name);
    for (const { source, path, options } of out.mounts) {
      if (source.startsWith(LOOP)) await mounts.mountLoop(source.slice(LOOP.length), path);
      else await mounts.mount({ mountable: source, mountpoint: path, options });
    }
  }

  /** The borrower is gone, and what it had with it. */
  forget(): void {
    this.#out = undefined;
  }

  #warn(error: unknown): void {
    this.session.warn({ source: 'mount', message: `not mounted again: ${messageOf(error)}`, cause: error });
  }
}
