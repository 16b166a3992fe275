import { randomBytes } from 'node:crypto';
import { CapabilityError, isVmcraftError } from '@vmcraft/core/errors';
import { call, type OpenedGuest } from '../shell/guest.js';

/** How the command was asked for. */
export interface RunElsewhereOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly network: boolean;
  readonly timeout?: number;
  readonly memoryLimit?: number;
  readonly processLimit?: number;
  onOutput(stream: 1 | 2, chunk: Uint8Array): Promise<void> | void;
}

/** The function `command` of guestfs tells neither status nor standard error of a program: they go through files of the guest. */
const SCRIPT = 'd=$1; shift; "$@" >"$d/1" 2>"$d/2" </dev/null; echo $? >"$d/status"';
/** Limits that only this host can keep. */
const LIMITS = ['timeout', 'memoryLimit', 'processLimit'] as const;

/**
 * Run a command where this host cannot: in an appliance, which gives all output at the end.
 * @param error why this host cannot
 * @returns its exit status
 * @throws error when there is no other way; CapabilityError when it has a limit that the other way does not keep
 */
export async function runElsewhere(
  guest: OpenedGuest,
  argv: readonly string[],
  options: RunElsewhereOptions,
  error: unknown,
): Promise<number> {
  if (!isVmcraftError(error) || error.data.elsewhere !== true || !guest.session.alternatives.has('command'))
    throw error;
  const limit = LIMITS.find((name) => options[name] !== undefined);
  if (limit !== undefined) {
    const reason = `${error.message}; an appliance would run it, but without ${limit}`;
    throw new CapabilityError({ capability: 'exec', subject: 'the guest', reason });
  }
  if (options.network) await call(guest, 'set_network', true);
  const folder = `/tmp/.vmcraft-${randomBytes(8).toString('hex')}`;
  await call(guest, 'mkdir_mode', folder, 0o700);
  try {
    const variables = Object.entries(options.env).map(([name, value]) => `${name}=${value}`);
    const words = variables.length === 0 ? argv : ['env', ...variables, ...argv];
    await call(guest, 'command', ['/bin/sh', '-c', SCRIPT, 'sh', folder, ...words]);
    for (const stream of [1, 2] as const) {
      const write = (chunk: Uint8Array): Promise<void> | void => options.onOutput(stream, chunk);
      await call(guest, 'download', `${folder}/${stream}`, { write });
    }
    return Number(await call<string>(guest, 'cat', `${folder}/status`));
  } finally {
    await call(guest, 'rm_rf', folder);
  }
}
