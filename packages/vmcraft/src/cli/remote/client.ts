import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodeFileName } from '@vmcraft/core/binary';
import { syntaxError } from '../language/shell-error.js';
import type { Output } from '../output/output.js';
import { version } from '../version.js';
import { FrameChannel, toBase64 } from './frames.js';
import { socketPath } from './socket-path.js';

/** Where a remote command reads and prints on this side. */
export interface RemoteEnds {
  readonly output: Output;
  readonly errors: Output;
  readLine(): Promise<string | undefined>;
  stdin(): AsyncIterable<Uint8Array>;
}

/** Sends commands to a listening shell. */
export class RemoteClient {
  readonly #pid: number;

  /** @throws ShellError when no server is named */
  constructor(pid: number | true) {
    const named = pid === true ? process.env.GUESTFISH_PID : String(pid);
    if (named === undefined || !/^[1-9][0-9]*$/.test(named)) {
      throw syntaxError('remote: $GUESTFISH_PID must be set to the PID of the remote process');
    }
    this.#pid = Number(named);
  }

  /**
   * Run one command there.
   * @returns whether it succeeded
   * @throws ShellError when the server is not running or goes away
   */
  async run(
    command: { name: string; words: readonly string[]; forgiving: boolean },
    ends: RemoteEnds,
  ): Promise<boolean> {
    const socket = await this.#connect();
    const channel = new FrameChannel(socket);
    try {
      await channel.send({ type: 'hello', version });
      const hello = await channel.receive();
      if (hello?.type !== 'hello' || hello.version !== version) {
        throw syntaxError('remote: protocol error, client and server versions must match exactly');
      }
      await channel.send({ type: 'run', ...command });
      return await converse(channel, ends);
    } finally {
      channel.close();
    }
  }

  async #connect(): Promise<Socket> {
    const socket = connect(socketPath(this.#pid));
    try {
      await once(socket, 'connect');
      return socket;
    } catch {
      throw syntaxError('remote: looks like the server is not running');
    }
  }
}

async function converse(channel: FrameChannel, ends: RemoteEnds): Promise<boolean> {
  let chunks: AsyncIterator<Uint8Array> | undefined;
  for (;;) {
    const frame = await channel.receive();
    switch (frame?.type) {
      case undefined:
        throw syntaxError('remote: the server went away');
      case 'output':
        await ends.output.write(Buffer.from(frame.data, 'base64'));
        break;
      case 'errors':
        await ends.errors.write(Buffer.from(frame.data, 'base64'));
        break;
      case 'want-line': {
        const line = await ends.readLine();
        await channel.send({ type: 'input', data: line === undefined ? null : toBase64(encodeFileName(line)) });
        break;
      }
      case 'want-chunk': {
        chunks ??= ends.stdin()[Symbol.asyncIterator]();
        const next = await chunks.next();
        await channel.send({ type: 'input', data: next.done === true ? null : toBase64(next.value) });
        break;
      }
      case 'done':
        return frame.ok;
      default:
        throw syntaxError('remote: protocol error');
    }
  }
}
