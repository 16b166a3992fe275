import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CapabilityError, FS_ERROR_TEXT, FsError, type FsErrorCode, HostError } from '@vmcraft/core';
import { makeFolder, reapLeftovers, removeFolder } from './leftovers.js';
import type { HostMeans } from './requirements.js';
import { encodeMessage, type HelperReply, MessageReader } from './wire.js';

/** What a request answered: a value, and bytes. */
export interface HelperAnswer<T> {
  readonly result: T;
  readonly data: Uint8Array;
}

interface Pending {
  readonly what: string;
  readonly path: string | undefined;
  part?(reply: HelperReply, data: Uint8Array): void;
  resolve(answer: HelperAnswer<never>): void;
  reject(error: Error): void;
}

/** What a request is about, for errors. */
export interface RequestSubject {
  readonly path?: string;
  part?(reply: HelperReply, data: Uint8Array): void;
}

/** Where the helper's program lies: beside the compiled package or its sources, or beside the bundle of the command. */
const PROGRAM = fileURLToPath(new URL('../helper', import.meta.url));
const START = 'import sys; sys.path.insert(0, sys.argv[1]); from vmcraft_host.main import main; main(*sys.argv[2:])';
/** Last part of what the helper wrote to standard error. */
const MAX_STDERR = 16 * 1024;
/** What programs of the host are found with; nothing else of our environment goes there. */
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' };

/** A process in namespaces of its own that does for us what Node cannot. When it or this process ends, everything goes with it. */
export class HostHelper {
  readonly #pending = new Map<number, Pending>();
  readonly #ended: Promise<void>;
  #nextId = 1;
  #failure: Error | undefined;
  #stderr = '';
  #closing: Promise<void> | undefined;

  private constructor(
    readonly means: HostMeans,
    readonly folder: string,
    private readonly child: ChildProcess,
  ) {
    const reader = new MessageReader((reply, data) => this.#receive(reply, data));
    child.stdout?.on('data', (chunk: Uint8Array) => reader.push(chunk));
    child.stderr?.on('data', (chunk: Uint8Array) => {
      this.#stderr = (this.#stderr + Buffer.from(chunk).toString()).slice(-MAX_STDERR);
    });
    child.stdin?.on('error', () => undefined);
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => this.#fail(error.message, resolve));
      child.once('close', (code, signal) => this.#fail(this.#stderr.trim() || `ended (${signal ?? code})`, resolve));
    });
  }

  /** @throws HostError when it does not start */
  static async start(means: HostMeans): Promise<HostHelper> {
    await reapLeftovers();
    const folder = await makeFolder();
    const isolation = ['--mount', '--pid', '--fork', '--kill-child=KILL', '--propagation', 'private'];
    if (means.makesUsers) isolation.push('--user', '--map-auto', '--map-root-user');
    const words = [...isolation, means.python, '-IBc', START, PROGRAM, folder, means.mode];
    // A process group of its own: an interrupt typed at the terminal must not end it in the middle of a commit.
    const child = spawn(means.unshare, words, { stdio: 'pipe', detached: true, env: ENVIRONMENT, cwd: '/' });
    const helper = new HostHelper(means, folder, child);
    try {
      await helper.request('hello', {});
      child.unref();
      return helper;
    } catch (error) {
      await helper.close();
      throw error;
    }
  }

  /** Ask for something. @throws FsError when the kernel refuses with an errno, HostError, CapabilityError */
  async request<T = unknown>(
    what: string,
    parameters: object,
    data: Uint8Array = new Uint8Array(),
    subject: RequestSubject = {},
  ): Promise<HelperAnswer<T>> {
    if (this.#failure !== undefined) throw this.#failure;
    const id = this.#nextId++;
    try {
      return await new Promise((resolve, reject) => {
        this.#pending.set(id, {
          what,
          path: subject.path,
          resolve,
          reject,
          ...(subject.part && { part: subject.part }),
        });
        this.#hold();
        for (const part of encodeMessage({ ...parameters, id, do: what }, data)) this.child.stdin?.write(part);
      });
    } finally {
      this.#pending.delete(id);
      this.#hold();
    }
  }

  /** Undo everything and end it. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.child.ref();
      this.child.stdin?.end();
      await this.#ended;
      await removeFolder(this.folder);
    })();
    return this.#closing;
  }

  /** Node may exit while nothing is asked for; the pipes count as the process does. */
  #hold(): void {
    for (const handle of [this.child, this.child.stdin, this.child.stdout, this.child.stderr]) {
      const counted = handle as { ref?(): void; unref?(): void } | null;
      if (this.#pending.size > 0) counted?.ref?.();
      else counted?.unref?.();
    }
  }

  #receive(reply: HelperReply, data: Uint8Array): void {
    const pending = this.#pending.get(reply.id);
    if (pending === undefined) return;
    if (reply.more === true) pending.part?.(reply, data);
    else if (reply.reason === undefined) pending.resolve({ result: reply.result as never, data });
    else pending.reject(failure(reply, pending));
  }

  #fail(reason: string, done: () => void): void {
    this.#failure ??= new HostError({ path: 'vmcraft-host', operation: 'helper', reason });
    for (const pending of this.#pending.values()) pending.reject(this.#failure);
    done();
  }
}

function failure(reply: HelperReply, { what, path }: Pending): Error {
  const reason = reply.reason ?? '';
  const code = reply.errno === 'EOPNOTSUPP' ? 'ENOTSUP' : reply.errno;
  if (path !== undefined && code !== undefined && code in FS_ERROR_TEXT)
    return new FsError(code as FsErrorCode, { operation: what, path });
  if (path === undefined && what === 'run')
    return new CapabilityError({ capability: 'exec', subject: 'the guest', reason });
  return new HostError({
    path: path ?? 'this host',
    operation: what,
    reason,
    ...(code === undefined ? {} : { errno: code }),
  });
}
