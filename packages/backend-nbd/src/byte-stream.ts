import type { Socket } from 'node:net';
import { HostError, messageOf } from '@vmcraft/core';

/** Exact reads from a socket, in order. The socket's own flow control bounds what is held. */
export class ByteStream {
  readonly #chunks: Uint8Array[] = [];
  #held = 0;
  #wanted = 0;
  #wake: (() => void) | undefined;
  #failure: Error | undefined;

  readonly #onData = (data: Uint8Array): void => {
    this.#chunks.push(data);
    this.#held += data.length;
    if (this.#held >= Math.max(this.#wanted, PAUSE_AT)) this.socket.pause();
    if (this.#held >= this.#wanted) this.#wake?.();
  };

  constructor(
    private readonly socket: Socket,
    private readonly peer: string,
  ) {
    socket.on('data', this.#onData);
    socket.on('error', (error) =>
      this.fail(this.#hostError('connection', messageOf(error), (error as NodeJS.ErrnoException).code, error)),
    );
    socket.on('close', () =>
      this.fail(this.#hostError('connection', 'the other side closed the connection', 'ECONNRESET')),
    );
  }

  /** Exactly `length` bytes. @throws HostError when the connection ends first */
  async read(length: number): Promise<Uint8Array> {
    while (this.#held < length) {
      if (this.#failure !== undefined) throw this.#failure;
      this.#wanted = length;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.socket.resume();
      });
      this.#wake = undefined;
    }
    this.#wanted = 0;
    return this.#take(length);
  }

  /** Send bytes; resolves when the socket wants more. */
  write(data: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.socket.write(data)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.socket.off('drain', done);
        this.socket.off('close', done);
        if (this.#failure === undefined) resolve();
        else reject(this.#failure);
      };
      this.socket.on('drain', done);
      this.socket.on('close', done);
    });
  }

  /**
   * Give the socket up to TLS, which reads it from here on. Bytes that came before that are nobody's.
   * @returns how many such bytes there are
   */
  detach(): number {
    this.socket.off('data', this.#onData);
    this.socket.pause();
    return this.#held;
  }

  /** End all waiting and future reads with `error`; the first one counts. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  #take(length: number): Uint8Array {
    const first = this.#chunks[0];
    this.#held -= length;
    if (first !== undefined && first.length > length) {
      this.#chunks[0] = first.subarray(length);
      return first.subarray(0, length);
    }
    const out = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const chunk = this.#chunks.shift() as Uint8Array;
      const part = chunk.subarray(0, length - at);
      out.set(part, at);
      at += part.length;
      if (part.length < chunk.length) this.#chunks.unshift(chunk.subarray(part.length));
    }
    return out;
  }

  #hostError(operation: string, reason: string, errno?: string, cause?: unknown): HostError {
    return new HostError({ path: this.peer, operation, reason, ...(errno === undefined ? {} : { errno }) }, cause);
  }
}

/** Bytes held before the sender is told to wait. */
const PAUSE_AT = 1 << 20;
