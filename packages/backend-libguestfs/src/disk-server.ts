import { chmod } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { type BlockDevice, isVmcraftError, writeZeroes } from '@vmcraft/core';
import { ByteQueue } from './byte-queue.js';
import {
  Command,
  ExportNameReply,
  Flag,
  HANDSHAKE_FLAGS,
  Hello,
  InfoExport,
  NBD_MAGIC,
  NbdError,
  OPTION_MAGIC,
  OPTION_REPLY_MAGIC,
  Option,
  OptionHeader,
  OptionReply,
  REQUEST_MAGIC,
  Reply,
  Request,
  SIMPLE_REPLY_MAGIC,
  SimpleReply,
} from './layout.js';

/** Longest option and longest request with payload; qemu sends at most 32 MiB. */
const MAX_OPTION = 64 * 1024;
const MAX_PAYLOAD = 32 << 20;

type RequestHeader = ReturnType<typeof Request.decode>;

/** Devices of a session behind a Unix socket in a private folder, for the appliance's qemu. Requests of a connection run in turn. */
export class DiskServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(private readonly disks: ReadonlyMap<string, BlockDevice>) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.#sockets.delete(socket));
      // A client that breaks the protocol is hung up on; it is told nothing.
      void this.#serve(socket)
        .catch(() => undefined)
        .finally(() => socket.destroy());
    });
    // It must not keep the process alive: nobody waits for a server.
    this.#server.unref();
  }

  /** Serve devices by name on a socket that only this user can reach. */
  static async listen(path: string, disks: ReadonlyMap<string, BlockDevice>): Promise<DiskServer> {
    const server = new DiskServer(disks);
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', reject);
      server.#server.listen(path, resolve);
    });
    await chmod(path, 0o600);
    return server;
  }

  /** Hang up and stop listening. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(socket: Socket): Promise<void> {
    const bytes = new ByteQueue(socket);
    socket.write(Hello.encode({ magic: NBD_MAGIC, option: OPTION_MAGIC, flags: HANDSHAKE_FLAGS }));
    const clientFlags = await bytes.take(4);
    if (clientFlags === undefined) return;
    const device = await this.#haggle(socket, bytes);
    if (device === undefined) return;
    for (;;) {
      const head = await bytes.take(Request.size);
      if (head === undefined) return;
      const request = Request.decode(head);
      if (request.magic !== REQUEST_MAGIC || request.type === Command.disconnect) return;
      const isWrite = request.type === Command.write;
      if ((isWrite || request.type === Command.read) && request.length > MAX_PAYLOAD) return;
      const payload = isWrite ? await bytes.take(request.length) : undefined;
      if (isWrite && payload === undefined) return;
      await answer(socket, request, () => perform(device, request, payload));
    }
  }

  /** "Option haggling", until the client has chosen an export. */
  async #haggle(socket: Socket, bytes: ByteQueue): Promise<BlockDevice | undefined> {
    for (;;) {
      const head = await bytes.take(OptionHeader.size);
      if (head === undefined) return undefined;
      const { magic, option, length } = OptionHeader.decode(head);
      if (magic !== OPTION_MAGIC || length > MAX_OPTION) return undefined;
      const data = await bytes.take(length);
      if (data === undefined) return undefined;
      const reply = (type: number, body: Uint8Array = new Uint8Array(0)) => {
        socket.write(OptionReply.encode({ magic: OPTION_REPLY_MAGIC, option, type, length: body.length }));
        socket.write(body);
      };
      if (option === Option.exportName) {
        const device = this.disks.get(text(data));
        if (device !== undefined) {
          socket.write(ExportNameReply.encode({ size: BigInt(device.size), flags: flagsOf(device) }));
        }
        return device;
      }
      if (option === Option.go || option === Option.info) {
        const device = this.disks.get(exportNameIn(data));
        if (device === undefined) {
          reply(Reply.errUnknown);
          continue;
        }
        reply(Reply.info, InfoExport.encode({ type: 0, size: BigInt(device.size), flags: flagsOf(device) }));
        reply(Reply.ack);
        if (option === Option.go) return device;
        continue;
      }
      reply(option === Option.abort ? Reply.ack : Reply.errUnsupported);
      if (option === Option.abort) return undefined;
    }
  }
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** `NBD_OPT_GO`: length of the name, the name, then requests for information that are not needed here. */
function exportNameIn(data: Uint8Array): string {
  if (data.length < 4) return '';
  const length = new DataView(data.buffer, data.byteOffset).getUint32(0);
  return length > data.length - 4 ? '' : text(data.subarray(4, 4 + length));
}

function flagsOf(device: BlockDevice): number {
  const common = Flag.hasFlags | Flag.sendFlush;
  return device.writable ? common | Flag.sendTrim | Flag.sendWriteZeroes : common | Flag.readOnly;
}

async function answer(
  socket: Socket,
  { cookie }: RequestHeader,
  work: () => Promise<Uint8Array | undefined>,
): Promise<void> {
  let error = 0;
  let data: Uint8Array | undefined;
  try {
    data = await work();
  } catch (failure) {
    error = errorOf(failure);
  }
  socket.write(SimpleReply.encode({ magic: SIMPLE_REPLY_MAGIC, error, cookie }));
  if (data === undefined || data.length === 0) return;
  if (!socket.write(data)) await drained(socket);
}

/** When the socket takes more, or is gone. */
async function drained(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    const go = (): void => {
      socket.off('drain', go).off('close', go);
      resolve();
    };
    socket.on('drain', go).on('close', go);
  });
}

async function perform(
  device: BlockDevice,
  request: RequestHeader,
  payload: Uint8Array | undefined,
): Promise<Uint8Array | undefined> {
  const offset = Number(request.offset);
  const { length, type } = request;
  if (type === Command.read) return device.read(offset, length, { bulk: true });
  if (payload !== undefined) await device.write(offset, payload);
  else if (type === Command.flush) await device.flush();
  // Ranges that are given up read as zeros afterwards, so both commands are one.
  else if (type === Command.trim || type === Command.writeZeroes) await writeZeroes(device, offset, length);
  else throw new RangeError(`NBD command ${type}`);
  return undefined;
}

function errorOf(failure: unknown): number {
  if (failure instanceof RangeError) return NbdError.inval;
  if (!isVmcraftError(failure)) return NbdError.io;
  if (failure.code === 'VMC_READ_ONLY') return NbdError.perm;
  if (failure.code === 'ENOSPC' || failure.data.errno === 'ENOSPC') return NbdError.nospc;
  return failure.code === 'VMC_TRUNCATED' ? NbdError.inval : NbdError.io;
}
