import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { decodeFileName, encodeFileName } from '@vmcraft/core/binary';
import type { Output } from '../output/output.js';
import type { ScriptInput } from '../shell/line-source.js';
import type { Shell } from '../shell/shell.js';
import { version } from '../version.js';
import { type Frame, FrameChannel, toBase64 } from './frames.js';
import { socketPath } from './socket-path.js';

/** Output that goes to the client. */
class RemoteOutput implements Output {
  readonly isTerminal = false;
  readonly #channel: FrameChannel;
  readonly #type: 'output' | 'errors';

  constructor(channel: FrameChannel, type: 'output' | 'errors') {
    this.#channel = channel;
    this.#type = type;
  }

  write(chunk: string | Uint8Array): Promise<void> {
    return this.#channel.send({
      type: this.#type,
      data: toBase64(typeof chunk === 'string' ? encodeFileName(chunk) : chunk),
    });
  }
}

/** Input that the client reads for us. */
class RemoteInput implements ScriptInput {
  readonly name = '*remote*';
  readonly line = 0;
  readonly #channel: FrameChannel;

  constructor(channel: FrameChannel) {
    this.#channel = channel;
  }

  async readLine(): Promise<string | undefined> {
    const bytes = await this.#ask('want-line');
    return bytes === undefined ? undefined : decodeFileName(bytes);
  }

  async *rest(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const bytes = await this.#ask('want-chunk');
      if (bytes === undefined) return;
      yield bytes;
    }
  }

  async #ask(type: 'want-line' | 'want-chunk'): Promise<Uint8Array | undefined> {
    await this.#channel.send({ type });
    const frame = await this.#channel.receive();
    return frame?.type === 'input' && frame.data !== null ? Buffer.from(frame.data, 'base64') : undefined;
  }
}

/** How the server ended. */
export interface ServerEnd {
  /** False when a command failed that had no `-` in front. */
  readonly ok: boolean;
}

/**
 * Run commands that come over a socket until `quit` or a failure.
 * @param ready called when clients can connect
 * @param finish closes the guest; its errors go to the client that said `quit`
 */
export async function serveRemote(
  shell: Shell,
  ready: () => void,
  finish: (ok: boolean) => Promise<void>,
): Promise<ServerEnd> {
  const path = socketPath(process.pid);
  rmSync(path, { force: true });
  const server = createServer();
  const remove = (): void => rmSync(path, { force: true });
  process.once('exit', remove);
  try {
    server.listen(path);
    await once(server, 'listening');
    chmodSync(path, 0o600);
    ready();
    for await (const socket of connections(server)) {
      const ok = await serveConnection(shell, new FrameChannel(socket), finish);
      if (!ok || shell.quit) return { ok };
    }
    return { ok: true };
  } finally {
    server.close();
    remove();
  }
}

/** Connections one after the other. */
async function* connections(server: Server): AsyncGenerator<Socket> {
  const waiting: Socket[] = [];
  let wake: (() => void) | undefined;
  server.on('connection', (socket) => {
    socket.pause();
    waiting.push(socket);
    wake?.();
  });
  for (;;) {
    const next = waiting.shift();
    if (next !== undefined) yield next;
    else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}

async function serveConnection(
  shell: Shell,
  channel: FrameChannel,
  finish: (ok: boolean) => Promise<void>,
): Promise<boolean> {
  try {
    const hello = await channel.receive();
    await channel.send({ type: 'hello', version });
    if (hello?.type !== 'hello' || hello.version !== version) return true;
    const request = await channel.receive();
    if (request?.type !== 'run') return true;
    return await serveCommand(shell, channel, request, finish);
  } catch {
    // A client that breaks the protocol, or goes away, is no reason to end.
    return true;
  } finally {
    channel.close();
  }
}

async function serveCommand(
  shell: Shell,
  channel: FrameChannel,
  request: Frame & { type: 'run' },
  finish: (ok: boolean) => Promise<void>,
): Promise<boolean> {
  const { output, errors } = shell;
  shell.output = new RemoteOutput(channel, 'output');
  shell.errors = new RemoteOutput(channel, 'errors');
  shell.input = new RemoteInput(channel);
  try {
    const outcome = await shell.runWords([request.name, ...request.words]);
    const goesOn = outcome.ok || request.forgiving;
    if (shell.quit || !goesOn) await finish(goesOn);
    await channel.send({ type: 'done', ok: goesOn, quit: shell.quit });
    return goesOn;
  } finally {
    shell.output = output;
    shell.errors = errors;
    shell.input = undefined;
  }
}
