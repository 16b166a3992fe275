import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { AbortedError, FS_ERROR_TEXT, FsError, type FsErrorCode, HostError } from '@vmcraft/core';
import { encodeMessage, MessageDecoder, type Wire, wireText } from './codec.js';
import { PROGRAM } from './program.js';

/** An argument of a function: numbers and booleans travel as text. */
export type Argument = string | number | boolean | null | Uint8Array | readonly string[];

/** What the library tells while it works. */
export interface LibraryEvents {
  progress(done: number, total: number): void;
  note(text: string): void;
}

interface Pending {
  readonly name: string;
  resolve(value: readonly Wire[]): void;
  reject(error: unknown): void;
}

/** How long the watching process may take to remove the private folder, and how often that is looked at. */
const CLEANUP_MS = 5000;
const POLL_MS = 10;
/** Bytes of the error output that are kept for an error message. */
const KEPT_ERRORS = 4096;

const errorNames = new Map(
  Object.entries(constants.errno)
    .filter(([name]) => Object.hasOwn(FS_ERROR_TEXT, name))
    .map(([name, number]) => [number, name as FsErrorCode]),
);

const toWire = (value: Argument): Wire => {
  if (value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(wireText);
  if (typeof value === 'boolean') return wireText(value ? '1' : '0');
  return wireText(String(value));
};

/** A handle of libguestfs in a process of its own, so that neither its waiting nor its crash is ours. Calls run one after the other. */
export class Library {
  /** A folder that only we can enter; gone when the handle is. */
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #pending = new Map<string, Pending>();
  readonly #ended: Promise<void>;
  #errors = '';
  #failure: HostError | undefined;
  #next = 1;

  private constructor(perl: string, events: LibraryEvents) {
    this.folder = join(tmpdir(), `vmcraft-guestfs-${process.pid}-${randomBytes(6).toString('hex')}`);
    // A process group of its own: an interrupt typed at the terminal must not end the appliance in the middle of a commit.
    this.#child = spawn(perl, ['-e', PROGRAM, this.folder], {
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, LC_ALL: 'C' },
    });
    const decoder = new MessageDecoder();
    this.#child.stdout!.on('data', (chunk: Uint8Array) => {
      try {
        for (const message of decoder.push(chunk)) this.#receive(message, events);
      } catch (error) {
        this.#fail(`it answered something that is not understood: ${String(error)}`);
        this.kill();
      }
    });
    this.#child.stderr!.on('data', (chunk: Uint8Array) => {
      this.#errors = `${this.#errors}${Buffer.from(chunk).toString('utf8')}`.slice(-KEPT_ERRORS);
    });
    this.#child.stdin!.on('error', () => undefined);
    this.#life.on('error', () => undefined);
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#fail(error.message);
        resolve();
      });
      // The watching process ends when this pipe does, and not before.
      this.#child.once('exit', () => this.#life.destroy());
      this.#child.once('close', (status, signal) => {
        const last = this.#errors.trim().split('\n').at(-1) ?? '';
        this.#fail(last === '' ? `it ended with ${signal ?? `status ${status}`}` : last);
        resolve();
      });
    });
  }

  /** Start the process. It is not launched yet. */
  static start(perl: string, events: LibraryEvents): Library {
    return new Library(perl, events);
  }

  /** The pipe whose end tells the watching process that this one is gone. */
  get #life(): Writable {
    return this.#child.stdio[3] as Writable;
  }

  /** Whether it can still be called. */
  get alive(): boolean {
    return this.#failure === undefined;
  }

  /**
   * Call a function of guestfs(3) by its name, optional arguments as pairs behind the others.
   * @throws FsError with the errno of the appliance, HostError when the library or its appliance ended
   */
  call(
    name: string,
    args: readonly Argument[] = [],
    options: Readonly<Record<string, Argument>> = {},
  ): Promise<readonly Wire[]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = String(this.#next++);
    const pairs = Object.entries(options).flatMap(([key, value]) => [wireText(key), toWire(value)]);
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { name, resolve, reject });
      this.#child.stdin!.write(encodeMessage([wireText(id), wireText(name), ...args.map(toWire), ...pairs]));
    });
  }

  /** The same, given up by the caller when `signal` fires: the library goes on until it notices. */
  async callUntil(
    signal: AbortSignal,
    name: string,
    ...rest: [readonly Argument[], Readonly<Record<string, Argument>>?]
  ): Promise<readonly Wire[]> {
    if (signal.aborted) throw new AbortedError(name, signal.reason);
    let stop: () => void = () => undefined;
    const aborted = new Promise<never>((_, reject) => {
      stop = () => reject(new AbortedError(name, signal.reason));
      signal.addEventListener('abort', stop, { once: true });
    });
    const call = this.call(name, ...rest);
    call.catch(() => undefined);
    try {
      return await Promise.race([call, aborted]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Let it shut the appliance down and end; the private folder is gone afterwards. */
  async close(): Promise<void> {
    this.#child.stdin!.end();
    await this.#gone();
  }

  /** End it, the appliance included, whatever it does. */
  async kill(): Promise<void> {
    const { pid } = this.#child;
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
    await this.#gone();
  }

  /** The process has ended, and the one that watched it has cleaned up. */
  async #gone(): Promise<void> {
    await this.#ended;
    for (let waited = 0; waited < CLEANUP_MS && existsSync(this.folder); waited += POLL_MS) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  #receive(message: Wire, events: LibraryEvents): void {
    if (!Array.isArray(message)) throw new RangeError('not a list');
    const [kind, ...rest] = message as readonly Wire[];
    const word = asText(kind);
    if (word === 'progress') events.progress(Number(asText(rest[0])), Number(asText(rest[1])));
    if (word === 'note') events.note(asText(rest[0]).trimEnd());
    const id = asText(rest[0]);
    const call = this.#pending.get(id);
    this.#pending.delete(id);
    if (call === undefined) return;
    if (word === 'result') call.resolve(rest[1] as readonly Wire[]);
    else call.reject(this.#errorOf(call.name, Number(asText(rest[1])), asText(rest[2])));
  }

  #errorOf(name: string, errno: number, text: string): Error {
    const reason = text.startsWith(`${name}: `) ? text.slice(name.length + 2) : text;
    const code = errorNames.get(errno);
    // The usual text of the error with a path of the appliance before it says nothing that the caller does not know.
    const isPlain =
      code !== undefined && (reason === FS_ERROR_TEXT[code] || reason.endsWith(`: ${FS_ERROR_TEXT[code]}`));
    if (code !== undefined) return new FsError(code, isPlain ? { operation: name } : { operation: name, reason });
    return new HostError({ path: 'libguestfs', operation: name, reason });
  }

  #fail(reason: string): void {
    this.#failure ??= new HostError({ path: 'libguestfs', operation: 'run', reason });
    for (const call of this.#pending.values()) call.reject(this.#failure);
    this.#pending.clear();
  }
}

/** Text that came from the library. */
export function asText(value: Wire | undefined): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : '';
}
