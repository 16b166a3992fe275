import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { HostError, messageOf, UsageError } from '@vmcraft/core';
import { ByteStream } from '../byte-stream.js';
import { Transmission } from './connection.js';
import { type NbdExport, ServedExport } from './export.js';
import { Negotiation } from './negotiation.js';

/** Where a server listens: a Unix socket (made with mode 0600), or a port; only on this host unless `host` says otherwise. */
export type NbdListen = { readonly socket: string } | { readonly port: number; readonly host?: string };

/** How to serve. */
export interface NbdServeOptions {
  readonly listen: NbdListen;
  /** Clients at once; more are hung up on. 64 unless given. */
  readonly maxClients?: number;
  /** Whether the process may end while the server waits for clients. False unless given. */
  readonly background?: boolean;
}

/** A server that runs. */
export interface NbdServer extends AsyncDisposable {
  /** Of the default export, or of the only one. */
  readonly uri: string;
  /** The port, when none was asked for (0). */
  readonly port: number | undefined;
  /** Clients that are connected now. */
  readonly clients: number;
  /** Clients that have ever connected. */
  readonly visitors: number;
  /** Hang up on everybody, wait for what was begun, and flush the devices; they stay open. */
  close(): Promise<void>;
}

/** A client has this long to choose an export, milliseconds. */
const NEGOTIATION_TIMEOUT = 30_000;

/**
 * Serve devices over NBD. The devices must stay open until the server is closed.
 * @throws HostError when it cannot listen, UsageError for names that are given twice
 */
export async function serveNbd(exports: readonly NbdExport[], options: NbdServeOptions): Promise<NbdServer> {
  const served = new Map<string, ServedExport>();
  for (const given of exports) {
    if (served.has(given.name)) throw new UsageError(`two exports are named '${given.name}'`, { argument: 'name' });
    served.set(given.name, new ServedExport(given));
  }
  if (served.size === 0) throw new UsageError('nothing to serve', { argument: 'exports' });
  const running = new RunningServer(served, options);
  await running.listen();
  return running;
}

class RunningServer implements NbdServer {
  readonly #server: Server;
  readonly #sockets = new Map<Socket, Promise<void>>();
  #visitors = 0;
  #closing: Promise<void> | undefined;

  constructor(
    private readonly served: ReadonlyMap<string, ServedExport>,
    private readonly options: NbdServeOptions,
  ) {
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    if (options.background === true) this.#server.unref();
  }

  get clients(): number {
    return this.#sockets.size;
  }

  get visitors(): number {
    return this.#visitors;
  }

  get port(): number | undefined {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : undefined;
  }

  get uri(): string {
    const [first = ''] = this.served.has('') ? [''] : this.served.keys();
    const name = encodeURIComponent(first).replaceAll('%2F', '/');
    const { listen } = this.options;
    if ('socket' in listen)
      return `nbd+unix:///${name}?socket=${encodeURIComponent(listen.socket).replaceAll('%2F', '/')}`;
    const host = listen.host ?? 'localhost';
    return `nbd://${host.includes(':') ? `[${host}]` : host}:${this.port}/${name}`;
  }

  async listen(): Promise<void> {
    const { listen } = this.options;
    const where =
      'socket' in listen ? { path: listen.socket } : { port: listen.port, host: listen.host ?? '127.0.0.1' };
    const path = 'socket' in listen ? listen.socket : `${listen.host ?? '127.0.0.1'}:${listen.port}`;
    // Binding happens within this call, so nobody finds the socket with wider permissions.
    const before = process.umask(0o177);
    const ready = new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(where, resolve);
    });
    process.umask(before);
    try {
      await ready;
      if ('socket' in listen) await chmod(listen.socket, 0o600);
    } catch (error) {
      const errno = (error as NodeJS.ErrnoException).code;
      const reason = messageOf(error);
      throw new HostError({ path, operation: 'listen', reason, ...(errno === undefined ? {} : { errno }) }, error);
    }
  }

  #accept(socket: Socket): void {
    const { maxClients = 64 } = this.options;
    if (this.#sockets.size >= maxClients) {
      socket.destroy();
      return;
    }
    this.#visitors += 1;
    const done = this.#talk(socket)
      .catch(() => undefined)
      .then(() => {
        socket.destroy();
        this.#sockets.delete(socket);
      });
    this.#sockets.set(socket, done);
  }

  async #talk(socket: Socket): Promise<void> {
    const stream = new ByteStream(socket, 'NBD client');
    const timer = setTimeout(() => socket.destroy(), NEGOTIATION_TIMEOUT);
    const choice = await new Negotiation(stream, this.served).run().finally(() => clearTimeout(timer));
    if (choice !== undefined) await new Transmission(stream, choice).run();
    await new Promise<void>((resolve) => socket.end(resolve));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const talks = [...this.#sockets];
    for (const [socket] of talks) socket.destroy();
    await Promise.all(talks.map(([, done]) => done));
    await closed;
    if ('socket' in this.options.listen) await rm(this.options.listen.socket, { force: true });
    for (const { device, readonly } of this.served.values()) if (!readonly) await device.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
