import { linkSync, rmSync, writeFileSync } from 'node:fs';
import { link, readdir, readFile, readlink, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { sideName } from '../block/index.js';
import type { ImageLock, LockOptions } from '../contracts/index.js';
import { isVmcraftError, LockedError } from '../errors/index.js';
import { nodeCrypto } from './node-builtins.js';
import { hostError } from './node-host-error.js';

/** Errors of a folder in which no lock can be kept. */
const UNLOCKABLE = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTSUP']);
/** A lock file is longer than this only if it is not one of ours, bytes. */
const MAX_LOCK_FILE = 4096;
/** A draft that is older was left by a process that is gone, milliseconds; a living one has it for a moment. */
const DRAFT_AGE = 60_000;

/** Who holds a lock: enough to tell whether that process still lives. */
interface Owner {
  readonly token: string;
  readonly pid: number;
  /** Clock ticks from boot to the start of the process; tells a reused pid. */
  readonly started: string;
  readonly boot: string;
  readonly pidNamespace: string;
  readonly host: string;
}

async function self(): Promise<Owner> {
  return {
    token: nodeCrypto().randomUUID(),
    pid: process.pid,
    started: (await startOf(process.pid)) ?? '',
    boot: (await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => '')).trim(),
    pidNamespace: await readlink('/proc/self/ns/pid').catch(() => ''),
    host: hostname(),
  };
}

/** Field 22 of /proc/PID/stat, proc_pid_stat(5); undefined when there is no such process. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

/** A file beside the image that says which process of VMCraft writes it. */
export class NodeImageLock implements ImageLock {
  readonly #path: string;
  readonly #file: string;
  readonly #text: string;

  private constructor(path: string, file: string, text: string) {
    this.#path = path;
    this.#file = file;
    this.#text = text;
  }

  /** @returns undefined when no lock can be kept there and none is required */
  static async acquire(path: string, options: LockOptions): Promise<NodeImageLock | undefined> {
    const file = join(dirname(path), sideName(basename(path), path, '.vmcraft-lock'));
    const text = `${JSON.stringify(await self())}\n`;
    try {
      // A few rounds: a stale lock may be taken over by somebody else at the same moment.
      for (let round = 0; round < 5; round++) {
        if (create(file, text)) {
          await removeDrafts(file);
          return new NodeImageLock(path, file, text);
        }
        const held = await readFile(file, 'utf8').catch(() => undefined);
        if (held !== undefined) await removeStale(path, file, held, options.ignoreLocks === true);
      }
    } catch (error) {
      if (isVmcraftError(error)) throw error;
      if (!options.required && UNLOCKABLE.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
      throw hostError(file, 'lock', error);
    }
    throw new LockedError({ path, reason: 'other processes are taking its lock', force: 'ignoreLocks' });
  }

  async verify(): Promise<void> {
    if ((await readFile(this.#file, 'utf8').catch(() => undefined)) === this.#text) return;
    throw new LockedError({ path: this.#path, reason: `its lock ${this.#file} was taken away` });
  }

  async release(): Promise<void> {
    if ((await readFile(this.#file, 'utf8').catch(() => undefined)) === this.#text)
      await rm(this.#file, { force: true });
  }
}

/** Make the lock file with its contents in one step; false when there is one. */
function create(file: string, text: string): boolean {
  const draft = `${file}.${nodeCrypto().randomUUID()}`;
  // Without a turn of the event loop between, so that a kill leaves the draft as seldom as can be.
  writeFileSync(draft, text, { flag: 'wx', mode: 0o600 });
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Remove drafts of processes that were killed while making one. */
async function removeDrafts(file: string): Promise<void> {
  const names = await readdir(dirname(file)).catch(() => []);
  for (const name of names.filter((other) => other.startsWith(`${basename(file)}.`))) {
    const draft = join(dirname(file), name);
    const made = await stat(draft).catch(() => undefined);
    if (made !== undefined && Date.now() - made.mtimeMs > DRAFT_AGE) await rm(draft, { force: true }).catch(() => {});
  }
}

/** @throws LockedError when the owner lives, or may live */
async function removeStale(path: string, file: string, held: string, force: boolean): Promise<void> {
  const owner = parse(held);
  if (!force) {
    const reason = owner === undefined ? `${file} is there and cannot be understood` : await whyAlive(owner);
    if (reason !== undefined) {
      throw new LockedError({ path, reason, force: 'ignoreLocks', ...(owner === undefined ? {} : { pid: owner.pid }) });
    }
  }
  const aside = `${file}.${nodeCrypto().randomUUID()}`;
  await rename(file, aside).catch(() => {});
  const taken = await readFile(aside, 'utf8').catch(() => undefined);
  // Somebody else was faster, and this is already the new owner's lock: give it back.
  if (taken !== undefined && taken !== held) await link(aside, file).catch(() => {});
  await rm(aside, { force: true });
}

function parse(text: string): Owner | undefined {
  if (text.length > MAX_LOCK_FILE) return undefined;
  try {
    const owner = JSON.parse(text) as Partial<Owner> | null;
    return typeof owner?.pid === 'number' && typeof owner.token === 'string' ? (owner as Owner) : undefined;
  } catch {
    return undefined;
  }
}

async function whyAlive(owner: Owner): Promise<string | undefined> {
  const own = await self();
  if (owner.host !== own.host) return `VMCraft on host ${owner.host} (pid ${owner.pid}) is writing it`;
  if (owner.boot !== own.boot) return undefined;
  if (owner.pidNamespace !== own.pidNamespace) return `VMCraft in another container (pid ${owner.pid}) is writing it`;
  const started = await startOf(owner.pid);
  if (owner.boot === '' ? !signals(owner.pid) : started !== owner.started) return undefined;
  return `VMCraft (pid ${owner.pid}) is writing it`;
}

/** Whether a process lives, on hosts without /proc. */
function signals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
