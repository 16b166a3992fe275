import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import {
  AbortedError,
  type Availability,
  CapabilityError,
  type CommandOptions,
  type CommandResult,
  type CommandRunner,
  type GuestTreeMount,
  type TreeRunner,
  UsageError,
} from '@vmcraft/core';
import { DRIVER } from './driver.js';
import { guestMachine } from './foreign.js';
import { guestName } from './guest-files.js';
import { HostFileSystem } from './host-filesystem.js';
import { Labels } from './labels.js';
import { ProgramOutput, type ProgramReport } from './program-output.js';
import { hostAvailability } from './requirements.js';
import { toWire } from './wire.js';

/** The environment of every program; nothing of the host's is in it. */
const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  TERM: 'dumb',
  LC_ALL: 'C',
};
/** Processes and threads at a time, unless something else is asked for. */
const PROCESS_LIMIT = 4096;
/** What the smallest of programs and what starts it need, bytes. */
const MIN_MEMORY = 32 * 1024 * 1024;

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
  const limits = limitsOf(options);
  const machine = await guestMachine(root.fs);
  const { helper } = root.fs;
  const output = new ProgramOutput(options, limits.memory);
  const labels = new Labels();
  const program = String(++count);
  const kill = (): void => void helper.request('kill', { program }).catch(() => undefined);
  output.onLimit = kill;
  output.onTaken = (bytes) => void helper.request('taken', { program, bytes }).catch(() => undefined);
  const timer =
    options.timeout === undefined ? undefined : setTimeout(() => output.stop('time', kill), options.timeout);
  const abort = (): void => output.stop('abort', kill);
  options.signal?.addEventListener('abort', abort, { once: true });
  if (options.signal?.aborted === true) throw new AbortedError('command');
  try {
    const part = (reply: { stream?: 1 | 2 }, data: Uint8Array): void => output.add(reply.stream ?? 1, data);
    const parameters = await describe(places, argv, options, await guestName(root.fs));
    const request = { ...parameters, ...limits, ...machine, program };
    const { result } = await helper.request<ProgramReport>('run', request, undefined, { part });
    await output.end();
    await labels.settle(places.map(({ fs, mount }) => ({ fs, path: mount.path })));
    return output.result(result, options);
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
  }
}

/** Limits in numbers, and which of them were asked for. A hostile program must not take all that this host has, whoever runs it. */
function limitsOf({ memoryLimit, processLimit }: CommandOptions) {
  const memory = memoryLimit ?? Math.max(MIN_MEMORY, Math.floor(totalmem() / 2));
  const processes = processLimit ?? PROCESS_LIMIT;
  if (!Number.isSafeInteger(memory) || memory < MIN_MEMORY)
    throw new UsageError(`the limit of memory is below ${MIN_MEMORY} bytes`, { argument: 'memoryLimit' });
  if (!Number.isSafeInteger(processes) || processes < 1)
    throw new UsageError('the limit of processes is not a number from 1', { argument: 'processLimit' });
  const required = Object.entries({ memory: memoryLimit, processes: processLimit }).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  );
  return { memory, processes, required };
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
