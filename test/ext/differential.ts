import { copyFile } from 'node:fs/promises';
import type { FsDriver } from '@vmcraft/core/contracts';
import { Engine, engineTree } from './engine.js';
import type { FeatureSet } from './feature-sets.js';
import { aim, type Intent } from './generate.js';
import { e2fsckComplaints, ImageDevice, type Workspace } from './image.js';
import { KernelMount } from './kernel-mount.js';
import { Model } from './model.js';
import type { Operation } from './operations.js';
import { comparable, describeDifferences, type TreeEntry } from './tree.js';

/** A disagreement between our engine and the kernel, with everything done up to it. */
export class Disagreement extends Error {}

const TWIN_OF_UNMOUNTABLE: FeatureSet = { name: 'ext4', args: ['-t', 'ext4'] };

/**
 * Run `intents` on an image through our engine and on a twin through the kernel, and compare every outcome and the whole tree. The
 * kernel starts both: the first part of the sequence it does on our image too, so that the engine meets structures that the kernel made.
 */
export class Differential {
  readonly #driver: FsDriver;
  readonly #space: Workspace;
  readonly #set: FeatureSet;
  readonly #model = new Model();
  readonly #log: string[] = [];
  #mountable = true;

  constructor(driver: FsDriver, space: Workspace, set: FeatureSet) {
    this.#driver = driver;
    this.#space = space;
    this.#set = set;
  }

  async run(intents: readonly Intent[]): Promise<void> {
    const size = this.#set.size ?? 96;
    const ours = await this.#space.mke2fs('ours.img', size, this.#set.args);
    this.#mountable = KernelMount.accepts(ours);
    const twinSet = this.#mountable ? this.#set : TWIN_OF_UNMOUNTABLE;
    const twin = await this.#space.mke2fs('twin.img', size, twinSet.args);
    const prefix = Math.floor(intents.length / 4);
    if (this.#mountable) await this.#kernelPart(twin, ours, intents.slice(0, prefix));
    const rest = this.#mountable ? intents.slice(prefix) : intents;
    const kernel = KernelMount.open(twin);
    let timed: Set<string>;
    let theirs: TreeEntry[];
    try {
      timed = await this.#enginePart(kernel, ours, rest);
      theirs = await kernel.tree();
    } finally {
      await kernel.close();
    }
    await this.#judge(ours, twin, theirs, timed);
  }

  async #kernelPart(twin: string, ours: string, intents: readonly Intent[]): Promise<void> {
    const kernel = KernelMount.open(twin);
    try {
      for (const intent of intents) {
        const operation = aim(this.#model, intent, this.#log.length);
        const code = await kernel.apply(operation);
        this.#note(`kernel ${code}`, operation);
        if (code === 'OK') this.#model.apply(operation);
      }
    } finally {
      await kernel.close();
    }
    await copyFile(twin, ours);
  }

  async #enginePart(kernel: KernelMount, ours: string, intents: readonly Intent[]): Promise<Set<string>> {
    const middle = Math.floor(intents.length / 2);
    await this.#withEngine(ours, async (engine) => {
      for (const intent of intents.slice(0, middle))
        await this.#step(engine, kernel, aim(this.#model, intent, this.#log.length));
    });
    const timed = new Set<string>();
    await this.#withEngine(ours, async (engine) => {
      for (const intent of intents.slice(middle))
        await this.#step(engine, kernel, aim(this.#model, intent, this.#log.length));
      for (const [i, path] of this.#model.paths(() => true).entries()) {
        if (i % 2 === 1) continue;
        timed.add(path);
        await this.#step(engine, kernel, {
          op: 'utimens',
          path,
          atime: [1_000_000_000 + i, i],
          mtime: [i * 1_000_003, 999_999_999 - i],
        });
      }
    });
    return timed;
  }

  async #withEngine(image: string, work: (engine: Engine) => Promise<void>): Promise<void> {
    const device = await ImageDevice.open(image);
    try {
      const fs = await this.#driver.open(device, { readonly: false });
      await work(new Engine(fs));
      await fs.close();
    } finally {
      await device.close();
    }
  }

  async #step(engine: Engine, kernel: KernelMount, operation: Operation): Promise<void> {
    const theirs = await kernel.apply(operation);
    const ours = await engine.apply(operation).catch((error: unknown) => {
      throw this.#disagreement(`the engine threw ${error instanceof Error ? error.stack : String(error)}`, operation);
    });
    this.#note(theirs, operation);
    if (ours !== theirs) await this.#reconcile(engine, kernel, operation, ours, theirs);
    else if (theirs === 'OK') this.#model.apply(operation);
  }

  /** How full an attribute block may get depends on the order in which it was filled; both sides forget the attribute then. */
  async #reconcile(
    engine: Engine,
    kernel: KernelMount,
    operation: Operation,
    ours: string,
    theirs: string,
  ): Promise<void> {
    const codes = [ours, theirs].sort().join();
    const full = operation.op === 'setxattr' && codes === 'ENOSPC,OK';
    const noPreallocation = !this.#mountable && operation.op === 'allocate';
    if (!full && !noPreallocation) throw this.#disagreement(`we say ${ours}, the kernel says ${theirs}`, operation);
    if (operation.op !== 'setxattr') return;
    const undo: Operation = { op: 'removexattr', path: operation.path, name: operation.name };
    await engine.apply(undo);
    await kernel.apply(undo);
  }

  async #judge(ours: string, twin: string, theirs: readonly TreeEntry[], timed: ReadonlySet<string>): Promise<void> {
    const complaints = e2fsckComplaints(ours);
    if (complaints !== undefined) {
      throw this.#disagreement(
        `e2fsck: ${complaints}\nand of the kernel's image: ${e2fsckComplaints(twin) ?? 'nothing'}`,
      );
    }
    const device = await ImageDevice.open(ours, false);
    try {
      const fs = await this.#driver.open(device, { readonly: true });
      this.#same('our view of our image', await engineTree(fs), theirs, timed);
      await fs.close();
    } finally {
      await device.close();
    }
    if (!this.#mountable) return;
    await this.#readOfKernelImage(twin);
    await this.#kernelView(ours, theirs, timed);
  }

  /** Compared with the kernel's view after a fresh mount: what it holds in memory is not always what it has written (inline_data). */
  async #readOfKernelImage(twin: string): Promise<void> {
    const kernel = KernelMount.open(twin);
    const theirs = await kernel.tree();
    await kernel.close();
    const device = await ImageDevice.open(twin, false);
    try {
      const fs = await this.#driver.open(device, { readonly: true });
      this.#same("our view of the kernel's image", await engineTree(fs), theirs, new Set(theirs.map((e) => e.path)));
      await fs.close();
    } finally {
      await device.close();
    }
  }

  /** The kernel mounts what we wrote, sees the same, and can go on writing. */
  async #kernelView(ours: string, theirs: readonly TreeEntry[], timed: ReadonlySet<string>): Promise<void> {
    const kernel = KernelMount.open(ours);
    try {
      this.#same("the kernel's view of our image", await kernel.tree(), theirs, timed);
      await kernel.apply({ op: 'bulkCreate', path: '', prefix: 'after-', first: 0, count: 50 });
      await kernel.apply({ op: 'write', path: 'after-1', offset: 0, length: 100_000, seed: 1 });
    } finally {
      await kernel.close();
    }
    const complaints = e2fsckComplaints(ours);
    if (complaints !== undefined) throw this.#disagreement(`e2fsck after the kernel wrote: ${complaints}`);
  }

  #same(what: string, ours: readonly TreeEntry[], theirs: readonly TreeEntry[], timed: ReadonlySet<string>): void {
    if (JSON.stringify(comparable(ours, timed)) === JSON.stringify(comparable(theirs, timed))) return;
    throw this.#disagreement(`${what} differs:\n${describeDifferences(ours, theirs, timed).join('\n')}`);
  }

  #note(code: string, operation: Operation): void {
    const text = JSON.stringify(operation);
    this.#log.push(`${code} ${text.length > 300 ? `${text.slice(0, 300)}…` : text}`);
  }

  #disagreement(what: string, operation?: Operation): Disagreement {
    const at = operation === undefined ? '' : `\nat ${JSON.stringify(operation).slice(0, 500)}`;
    const history = process.env.VMCRAFT_EXT_LOG === undefined ? this.#log.slice(-15) : this.#log;
    return new Disagreement(
      `${this.#set.name}: ${what}${at}\nafter ${this.#log.length} operations, the last:\n${history.join('\n')}`,
    );
  }
}
