import { readFile } from 'node:fs/promises';
import {
  AbortedError,
  type Availability,
  CapabilityError,
  type CommandOptions,
  type CommandResult,
  type CommandRunner,
  encodeUtf8,
  type FileSystem,
  type FsNode,
  type GuestTreeMount,
  LimitExceededError,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type TreeRunner,
  UsageError,
} from '@vmcraft/core';
import { DRIVER } from './driver.js';
import { elfMachine, runsHere } from './elf.js';
import { HostFileSystem } from './host-filesystem.js';
import { can } from './host-tools.js';
import { hostAvailability } from './requirements.js';
import { toWire } from './wire.js';

/** The environment of every program; nothing of the host's is in it. */
const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  TERM: 'dumb',
  LC_ALL: 'C',
};
/** Output that is kept when nobody takes it as it comes, bytes. */
const OUTPUT_LIMIT = 64 * 1024 * 1024;
/** Exit status of a program that a signal ended, as a shell has it. */
const SIGNALLED = 128;
/** Bytes of /etc/selinux/config that are looked at. */
const MAX_CONFIG = 64 * 1024;
/** Links followed to find the guest's shell. */
const MAX_LINKS = 8;

/** Runs programs of a guest in namespaces of their own over the host's mounts of its file systems. */
export class HostRunner implements TreeRunner {
  readonly name = DRIVER;
  readonly driver = DRIVER;

  available(): Promise<Availability> {
    return hostAvailability();
  }

  over(mounts: readonly GuestTreeMount[]): CommandRunner {
    return { run: (argv, options = {}) => run(mounts, argv, options) };
  }
}

let count = 0;

interface Place {
  readonly fs: HostFileSystem;
  readonly mount: GuestTreeMount;
}

async function run(
  mounts: readonly GuestTreeMount[],
  argv: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  if (argv.length === 0 || argv[0] === '') throw new UsageError('no command was given', { argument: 'arguments' });
  if (argv.some((word) => word.includes('\0'))) throw new UsageError('a zero byte', { argument: 'arguments' });
  const places = mounts.flatMap((mount): Place[] =>
    mount.fs instanceof HostFileSystem ? [{ fs: mount.fs, mount }] : [],
  );
  const root = places.find(({ mount }) => mount.path === '/');
  if (root === undefined)
    throw new CapabilityError({ capability: 'exec', subject: 'the guest', reason: 'no file system is mounted on /' });
  await refuseForeign(root.fs);
  const { helper } = root.fs;
  const output = new Output(options);
  const program = String(++count);
  const kill = (): void => void helper.request('kill', { program }).catch(() => undefined);
  output.onLimit = kill;
  const timer =
    options.timeout === undefined ? undefined : setTimeout(() => output.stop('time', kill), options.timeout);
  const abort = (): void => output.stop('abort', kill);
  options.signal?.addEventListener('abort', abort, { once: true });
  if (options.signal?.aborted === true) throw new AbortedError('command');
  try {
    const part = (reply: { stream?: 1 | 2 }, data: Uint8Array): void => output.add(reply.stream ?? 1, data);
    const parameters = await describe(places, argv, options, await guestName(root.fs));
    const { result } = await helper.request<Report>('run', { ...parameters, program }, undefined, { part });
    await output.end();
    await askForLabels(root.fs);
    return output.result(result, options);
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
  }
}

/** What the helper says of the end of a program. */
interface Report {
  readonly status?: number;
  readonly signal?: number;
}

async function describe(places: readonly Place[], argv: readonly string[], options: CommandOptions, hostname: string) {
  const env = Object.entries({ ...ENVIRONMENT, ...options.env }).map(([name, value]) => [toWire(name), toWire(value)]);
  return {
    argv: argv.map(toWire),
    env: Object.fromEntries(env) as Record<string, string>,
    network: options.network === true,
    hostname: toWire(hostname),
    resolver: options.network === true ? await hostResolver() : '',
    mounts: places.map(({ fs, mount }) => ({
      mount: fs.mount,
      path: mount.path
        .split('/')
        .filter((name) => name !== '')
        .map(toWire),
      readonly: mount.readonly,
    })),
    devices: places.map(({ fs, mount }) => ({
      attachment: fs.attachment.id,
      name: mount.source.replace(/^btrfsvol:(\/dev\/[^/]+).*$/, '$1').replace(/^\/dev\//, ''),
      ...(fs.identity.uuid === undefined ? {} : { uuid: fs.identity.uuid }),
      ...(fs.identity.label === undefined ? {} : { label: fs.identity.label }),
    })),
  };
}

async function hostResolver(): Promise<string> {
  const text = await readFile('/etc/resolv.conf', 'latin1').catch(() => '');
  return text;
}

/** Collects what a program writes, within limits. */
class Output {
  readonly #kept: [Uint8Array[], Uint8Array[]] = [[], []];
  #bytes = 0;
  #stopped: 'time' | 'abort' | 'output' | undefined;
  #passing: Promise<void> = Promise.resolve();
  onLimit: () => void = () => undefined;

  constructor(private readonly options: CommandOptions) {}

  add(stream: 1 | 2, data: Uint8Array): void {
    if (this.#stopped !== undefined) return;
    this.#bytes += data.length;
    const { onOutput, outputLimit = onOutput === undefined ? OUTPUT_LIMIT : undefined } = this.options;
    if (outputLimit !== undefined && this.#bytes > outputLimit) this.stop('output', this.onLimit);
    else if (onOutput === undefined) this.#kept[stream - 1]?.push(data);
    else this.#passing = this.#passing.then(() => onOutput(stream, data));
  }

  stop(why: 'time' | 'abort' | 'output', kill: () => void): void {
    this.#stopped ??= why;
    kill();
  }

  async end(): Promise<void> {
    await this.#passing;
  }

  result(report: Report, { timeout, outputLimit = OUTPUT_LIMIT }: CommandOptions): CommandResult {
    if (this.#stopped === 'abort') throw new AbortedError('command');
    if (this.#stopped === 'time')
      throw new LimitExceededError({
        limit: 'time of the command',
        value: timeout ?? 0,
        max: timeout ?? 0,
        option: 'timeout',
      });
    if (this.#stopped === 'output')
      throw new LimitExceededError({
        limit: 'output of the command, bytes',
        value: this.#bytes,
        max: outputLimit,
        option: 'outputLimit',
      });
    const [stdout, stderr] = this.#kept.map((parts) => new Uint8Array(Buffer.concat(parts)));
    const status = report.status ?? SIGNALLED + (report.signal ?? 9);
    return { status, stdout: stdout ?? new Uint8Array(), stderr: stderr ?? new Uint8Array() };
  }
}

/** A guest with SELinux is asked, in its own way, to label at its next boot what a host without SELinux could not. */
async function askForLabels(fs: HostFileSystem): Promise<void> {
  if (await can('/sys/fs/selinux/enforce')) return;
  const config = await find(fs, ['etc', 'selinux', 'config']);
  if (config === undefined || fs.readonly) return;
  const text = new TextDecoder().decode(await fs.read(config, 0, MAX_CONFIG));
  if (!/^\s*SELINUX=(enforcing|permissive)\b/m.test(text)) return;
  if ((await fs.lookup(fs.root, '.autorelabel')) === undefined)
    await fs.create(fs.root, '.autorelabel', { mode: S_IFREG | 0o644 });
}

/** What the guest calls itself. */
async function guestName(fs: FileSystem): Promise<string> {
  const node = await find(fs, ['etc', 'hostname']);
  if (node === undefined) return 'localhost';
  const text = new TextDecoder().decode(await fs.read(node, 0, 256).catch(() => new Uint8Array()));
  return /^[A-Za-z0-9.-]{1,64}(?=\s|$)/.exec(text.trim())?.[0] ?? 'localhost';
}

/** @throws CapabilityError when the guest's programs are for another processor, and nothing here emulates it */
async function refuseForeign(fs: FileSystem): Promise<void> {
  const shell = await find(fs, ['bin', 'sh']);
  if (shell === undefined) return;
  const machine = elfMachine(await fs.read(shell, 0, 64).catch(() => encodeUtf8('')));
  if (machine === undefined || runsHere(machine)) return;
  const handler = await readFile(`/proc/sys/fs/binfmt_misc/qemu-${machine}`, 'utf8').catch(() => '');
  if (/^enabled/m.test(handler) && /^flags:.*F/m.test(handler)) return;
  const remedy = 'install qemu-user-static and binfmt-support, which run such programs';
  const reason = `its programs are for ${machine}, this host is ${process.arch} (${remedy})`;
  throw new CapabilityError({ capability: 'exec', subject: 'the guest', reason });
}

/** A file of the guest's root by names; links are followed within it, a few times. */
async function find(fs: FileSystem, names: readonly string[], links = 0): Promise<FsNode | undefined> {
  let node: FsNode = fs.root;
  for (const [i, name] of names.entries()) {
    const next: FsNode | undefined = await fs.lookup(node, name).catch(() => undefined);
    if (next === undefined) return undefined;
    if (((await fs.stat(next)).mode & S_IFMT) === S_IFLNK) {
      if (links >= MAX_LINKS) return undefined;
      const target = await fs.readlink(next);
      const start = target.startsWith('/') ? [] : names.slice(0, i);
      return find(fs, normalise([...start, ...target.split('/'), ...names.slice(i + 1)]), links + 1);
    }
    node = next;
  }
  return node;
}

function normalise(names: readonly string[]): string[] {
  const out: string[] = [];
  for (const name of names) {
    if (name === '..') out.pop();
    else if (name !== '' && name !== '.') out.push(name);
  }
  return out;
}
