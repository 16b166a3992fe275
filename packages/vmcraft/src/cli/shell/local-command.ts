import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { HostError, messageOf } from '@vmcraft/core/errors';
import { BrokenPipeError, type Output, StreamOutput } from '../output/output.js';

/** How a program of the host ended: its exit status, 128 + signal number when it was killed. */
async function finished(child: ReturnType<typeof spawn>, command: string): Promise<number> {
  // As system(3): an interrupt from the terminal is for the child.
  const ignore = (): void => {};
  process.on('SIGINT', ignore);
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    return code ?? (signal === 'SIGINT' ? 130 : 143);
  } catch (cause) {
    throw new HostError({ path: command, operation: 'run', reason: messageOf(cause) }, cause);
  } finally {
    process.off('SIGINT', ignore);
  }
}

/** Where programs of the host print: straight to our own standard output when that is where commands print too. */
function usesStdout(output: Output): boolean {
  return output instanceof StreamOutput && output.writesTo(process.stdout);
}

/**
 * Run a command with the host's shell.
 * @returns its exit status
 */
export async function runLocal(
  command: string,
  output: Output,
  stdin: 'inherit' | Uint8Array = 'inherit',
): Promise<number> {
  const direct = usesStdout(output);
  const child = spawn('/bin/sh', ['-c', command], {
    stdio: [stdin === 'inherit' ? 'inherit' : 'pipe', direct ? 'inherit' : 'pipe', 'inherit'],
  });
  const done = finished(child, command);
  if (stdin !== 'inherit') {
    child.stdin!.on('error', () => {});
    child.stdin!.end(stdin);
  }
  if (!direct) for await (const chunk of child.stdout!) await output.write(chunk as Uint8Array);
  return done;
}

/** Run a command with the host's shell and give back what it prints, and its status. */
export async function captureLocal(command: string): Promise<{ status: number; stdout: Uint8Array }> {
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['inherit', 'pipe', 'inherit'] });
  const done = finished(child, command);
  const chunks: Uint8Array[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Uint8Array);
  return { status: await done, stdout: Buffer.concat(chunks) };
}

/** A program of the host that reads what a command prints: `command | program`. */
export class PipedOutput implements Output {
  readonly isTerminal = false;
  readonly #child;
  readonly #input: StreamOutput;
  readonly #done: Promise<number>;
  readonly #forwarded: Promise<void>;
  readonly #reportErrors: boolean;

  constructor(command: string, output: Output, options: { reportErrors: boolean }) {
    const direct = usesStdout(output);
    this.#reportErrors = options.reportErrors;
    this.#child = spawn('/bin/sh', ['-c', command], { stdio: ['pipe', direct ? 'inherit' : 'pipe', 'inherit'] });
    this.#input = new StreamOutput(this.#child.stdin!);
    this.#done = finished(this.#child, command);
    this.#forwarded = direct ? Promise.resolve() : forward(this.#child.stdout!, output);
  }

  async write(chunk: string | Uint8Array): Promise<void> {
    try {
      await this.#input.write(chunk);
    } catch (error) {
      if (!(error instanceof BrokenPipeError) || this.#reportErrors) throw error;
    }
  }

  /** End the program's input and wait for it. */
  async finish(): Promise<void> {
    this.#child.stdin!.end();
    await this.#forwarded;
    await this.#done;
  }
}

async function forward(from: AsyncIterable<Uint8Array>, to: Output): Promise<void> {
  for await (const chunk of from) await to.write(chunk);
}

/** Home directory of a user of this host; the caller's own for an empty name. */
export function homeOf(user: string): string | undefined {
  if (user === '') return process.env.HOME ?? homedir();
  try {
    const line = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((entry) => entry.startsWith(`${user}:`));
    return line?.split(':')[5];
  } catch {
    return undefined;
  }
}
