import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { HostError, InternalError, messageOf } from '@vmcraft/core';
import { ByteStream } from './byte-stream.js';
import { type Negotiated, negotiate } from './handshake.js';
import { Command, REQUEST_MAGIC, Request } from './layout.js';
import { type Pending, receiveReply } from './replies.js';
import { connectTls, type TlsSettings } from './tls.js';

/** Where a server listens. */
export interface NbdAddress {
  /** Path of a Unix socket, or host and port. */
  readonly socket: string | { readonly host: string; readonly port: number };
  readonly exportName: string;
  /** Speak through TLS, or not at all. */
  readonly tls?: TlsSettings;
}

/** One allocation run of an export. */
export interface AllocationRun {
  /** Bytes. */
  readonly length: number;
  readonly hole: boolean;
  readonly zero: boolean;
}

/** Requests under way at once; more wait. */
const MAX_IN_FLIGHT = 16;
/** Connecting and negotiating may take this long, milliseconds. */
const CONNECT_TIMEOUT = 30_000;

/** A connection to an NBD server in the transmission phase, with many requests under way at once. */
export class NbdClient {
  readonly #pending = new Map<bigint, Pending>();
  readonly #waiting: (() => void)[] = [];
  #inFlight = 0;
  #nextCookie = 1n;
  #failure: Error | undefined;
  #closed = false;

  private constructor(
    private readonly socket: Socket,
    private readonly stream: ByteStream,
    readonly info: Negotiated,
    readonly peer: string,
  ) {
    void this.#receive();
  }

  /** @throws HostError, CorruptImageError, UnsupportedFeatureError, CapabilityError */
  static async connect(address: NbdAddress): Promise<NbdClient> {
    const where: NetConnectOpts =
      typeof address.socket === 'string' ? { path: address.socket } : { ...address.socket, noDelay: true };
    const { tls } = address;
    const scheme = tls === undefined ? 'nbd' : 'nbds';
    const peer =
      typeof address.socket === 'string'
        ? `${scheme}+unix:${address.socket}`
        : `${scheme}://${address.socket.host}:${address.socket.port}`;
    const raw = connect(where);
    let socket = raw;
    let stream = new ByteStream(raw, peer);
    const reason = `no answer within ${CONNECT_TIMEOUT / 1000} s`;
    const timer = setTimeout(
      () => stream.fail(new HostError({ path: peer, operation: 'connect', errno: 'ETIMEDOUT', reason })),
      CONNECT_TIMEOUT,
    );
    const upgrade = async (): Promise<ByteStream> => {
      socket = await connectTls(raw, tls as TlsSettings, peer);
      stream = new ByteStream(socket, peer);
      return stream;
    };
    try {
      const agreed = await negotiate(stream, address.exportName, peer, tls === undefined ? undefined : upgrade);
      return new NbdClient(socket, agreed.stream, agreed.info, peer);
    } catch (error) {
      socket.destroy();
      raw.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** `length` is at most `info.maximumBlock`. */
  read(offset: number, length: number): Promise<Uint8Array> {
    return this.#request(Command.read, offset, length, new Uint8Array(length)).then((r) => r.data);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    await this.#request(Command.write, offset, data.length, new Uint8Array(), data);
  }

  async flush(): Promise<void> {
    if (this.info.canFlush) await this.#request(Command.flush, 0, 0);
  }

  /** Makes the range read as zeros, giving the space back where the server can. */
  async writeZeroes(offset: number, length: number): Promise<void> {
    await this.#request(Command.writeZeroes, offset, length);
  }

  /** Runs from `offset`; the server may describe less than asked. */
  async allocation(offset: number, length: number): Promise<readonly AllocationRun[]> {
    return (await this.#request(Command.blockStatus, offset, length)).runs;
  }

  /** Tell the server and hang up. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const gone = new Promise<void>((resolve) => this.socket.once('close', () => resolve()));
    if (this.#failure === undefined) {
      this.socket.end(Request.encode({ magic: REQUEST_MAGIC, type: Command.disconnect, cookie: 0n, offset: 0n }));
      const GRACE = 2000;
      const timer = setTimeout(() => this.socket.destroy(), GRACE);
      await gone;
      clearTimeout(timer);
    } else {
      this.socket.destroy();
    }
  }

  async #request(
    type: number,
    offset: number,
    length: number,
    data = new Uint8Array(),
    payload?: Uint8Array,
  ): Promise<Pending> {
    if (this.#closed)
      throw new HostError({ path: this.peer, operation: 'request', errno: 'EBADF', reason: 'connection is closed' });
    while (this.#inFlight >= MAX_IN_FLIGHT) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#failure !== undefined) throw this.#failure;
    this.#inFlight += 1;
    const cookie = this.#nextCookie++;
    try {
      const answered = new Promise<Pending>((resolve, reject) => {
        this.#pending.set(cookie, { type, offset, length, data, runs: [], filled: 0, resolve, reject });
      });
      answered.catch(() => undefined);
      const header = Request.encode({ magic: REQUEST_MAGIC, flags: 0, type, cookie, offset: BigInt(offset), length });
      const sent = this.stream.write(header);
      await (payload === undefined ? sent : this.stream.write(payload));
      return await answered;
    } finally {
      this.#pending.delete(cookie);
      this.#inFlight -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** Reads replies until the connection ends; whatever then is unanswered fails. */
  async #receive(): Promise<void> {
    try {
      for (;;) await receiveReply(this.stream, this.#pending, this.info, this.peer);
    } catch (error) {
      this.#failure = error instanceof Error ? error : new InternalError(messageOf(error));
      this.socket.destroy();
      for (const pending of this.#pending.values()) pending.reject(this.#failure);
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }
}
