import type { Socket } from 'node:net';
import { UsageError } from '@vmcraft/core/errors';
import { LineSource } from '../shell/line-source.js';

/** What client and server of `--remote` tell each other: one JSON object a line, bytes as base64. */
export type Frame =
  | { readonly type: 'hello'; readonly version: string }
  /** Client: run a command. */
  | { readonly type: 'run'; readonly name: string; readonly words: readonly string[]; readonly forgiving: boolean }
  /** Server: output of the command. */
  | { readonly type: 'output' | 'errors'; readonly data: string }
  /** Server: the command reads a line, or everything, of the client's input. */
  | { readonly type: 'want-line' | 'want-chunk' }
  /** Client: the answer; null at the end. */
  | { readonly type: 'input'; readonly data: string | null }
  /** Server: the command ended. */
  | { readonly type: 'done'; readonly ok: boolean; readonly quit: boolean };

/** One end of a connection. */
export class FrameChannel {
  readonly #socket: Socket;
  readonly #lines: LineSource;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#lines = new LineSource('socket', socket as AsyncIterable<Uint8Array>);
    // A peer that goes away is seen as the end of its lines.
    socket.on('error', () => {});
  }

  send(frame: Frame): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.write(`${JSON.stringify(frame)}\n`, () => resolve());
    });
  }

  /** The next frame; undefined when the peer went away. @throws UsageError for anything that is no frame */
  async receive(): Promise<Frame | undefined> {
    const line = await this.#lines.readLine();
    if (line === undefined) return undefined;
    try {
      return JSON.parse(line) as Frame;
    } catch (cause) {
      throw new UsageError('remote: protocol error; client and server must be the same version', {}, cause);
    }
  }

  close(): void {
    this.#socket.end();
  }
}

/** Bytes as a frame carries them. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}
