import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Operation } from './operations.js';
import type { TreeEntry } from './tree.js';

const HELPER = fileURLToPath(new URL('./kernel-helper.py', import.meta.url));

/** An image mounted by the host kernel, and the process that works on it. */
export class KernelMount {
  readonly #helper: ChildProcess;
  readonly #lines: AsyncIterableIterator<string>;
  readonly #reader: Interface;
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.#helper = spawn('python3', [HELPER, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#reader = createInterface({ input: this.#helper.stdout! });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** Mount `image`; throws with mount's own message when the kernel refuses. */
  static open(image: string, options = 'noatime,user_xattr,acl'): KernelMount {
    const folder = mkdtempSync(join(tmpdir(), 'vmcraft-mount-'));
    try {
      execFileSync('mount', ['-t', 'ext4', '-o', `loop,${options}`, image, folder], { stdio: 'pipe' });
    } catch (error) {
      rmdirSync(folder);
      throw error;
    }
    return new KernelMount(folder);
  }

  /** Whether this kernel mounts `image` for writing at all. */
  static accepts(image: string): boolean {
    const folder = mkdtempSync(join(tmpdir(), 'vmcraft-mount-'));
    try {
      execFileSync('mount', ['-t', 'ext4', '-o', 'loop', image, folder], { stdio: 'pipe' });
      execFileSync('umount', [folder]);
      return true;
    } catch {
      return false;
    } finally {
      rmdirSync(folder);
    }
  }

  async #ask(question: unknown): Promise<Record<string, unknown>> {
    this.#helper.stdin!.write(`${JSON.stringify(question)}\n`);
    const line = await this.#lines.next();
    if (line.done === true) throw new Error('the kernel helper died');
    return JSON.parse(line.value) as Record<string, unknown>;
  }

  /** Apply one operation; gives `OK` or an errno name. */
  async apply(operation: Operation): Promise<string> {
    return (await this.#ask(operation)).code as string;
  }

  /** Everything in the file system. */
  async tree(): Promise<TreeEntry[]> {
    return (await this.#ask({ op: 'tree' })).tree as TreeEntry[];
  }

  /** syncfs(2). */
  async sync(): Promise<void> {
    await this.#ask({ op: 'sync' });
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#helper.once('exit', resolve));
    this.#helper.stdin!.end();
    await ended;
    this.#reader.close();
    execFileSync('umount', [this.folder]);
    rmdirSync(this.folder);
  }
}
