import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { syntaxError } from '../language/shell-error.js';

/** Set in the environment of the server process. */
const SERVER_MARK = 'VMCRAFT_LISTENER';

/** Whether this process is the server that {@link startServer} made. */
export function isServerProcess(): boolean {
  return process.env[SERVER_MARK] !== undefined && process.send !== undefined;
}

/** In the server: clients can connect; the process that waits for us may end. */
export function announceReady(): void {
  delete process.env[SERVER_MARK];
  // Nobody reads this any more; what the server still says must not end it.
  process.stderr.on('error', () => {});
  process.send?.('ready', () => process.disconnect());
}

/**
 * Start this program again as a server in the background and wait until it listens.
 * @returns its PID
 * @throws ShellError when it does not start; what it said was printed
 */
export async function startServer(argv: readonly string[]): Promise<{ pid: number } | { exitCode: number }> {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...argv], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, [SERVER_MARK]: '1' },
  });
  child.stderr!.on('data', (chunk: Uint8Array) => process.stderr.write(chunk));
  const exitCode = await Promise.race([once(child, 'message').then(() => undefined), ended(child)]);
  if (exitCode !== undefined) return { exitCode };
  if (child.pid === undefined) throw syntaxError('remote: the server did not start');
  child.stderr!.destroy();
  child.unref();
  return { pid: child.pid };
}

async function ended(child: ChildProcess): Promise<number> {
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}
