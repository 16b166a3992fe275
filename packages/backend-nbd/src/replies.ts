import { CorruptImageError, decodeUtf8, HostError } from '@vmcraft/core';
import { viewOf } from '@vmcraft/core/binary';
import type { ByteStream } from './byte-stream.js';
import type { AllocationRun } from './client.js';
import type { Negotiated } from './handshake.js';
import {
  AllocationFlag,
  CHUNK_DONE,
  CHUNK_MAGIC,
  Chunk,
  ChunkType,
  Command,
  ERROR_NAMES,
  SIMPLE_REPLY_MAGIC,
  SimpleReply,
} from './layout.js';

/** A request that waits for its reply. */
export interface Pending {
  readonly type: number;
  readonly offset: number;
  readonly length: number;
  /** Receives what a read answers. */
  readonly data: Uint8Array;
  readonly runs: AllocationRun[];
  /** Bytes of `data` answered so far. */
  filled: number;
  error?: HostError;
  resolve(result: Pending): void;
  reject(error: Error): void;
}

type PendingMap = ReadonlyMap<bigint, Pending>;

/** A chunk carries at most the longest read and its offset. */
const CHUNK_OVERHEAD = 64 * 1024;

/** One reply or chunk from the server. @throws CorruptImageError when the server breaks the protocol; the connection is then useless */
export async function receiveReply(
  stream: ByteStream,
  pending: PendingMap,
  info: Negotiated,
  peer: string,
): Promise<void> {
  const head = await stream.read(4);
  const magic = viewOf(head).getUint32(0);
  if (magic === SIMPLE_REPLY_MAGIC) return simple(stream, head, pending, info, peer);
  if (magic === CHUNK_MAGIC && info.structured) return chunk(stream, head, pending, info, peer);
  throw broken('magic', SIMPLE_REPLY_MAGIC, magic);
}

async function whole(stream: ByteStream, head: Uint8Array, size: number): Promise<Uint8Array> {
  const out = new Uint8Array(size);
  out.set(head);
  out.set(await stream.read(size - head.length), head.length);
  return out;
}

async function simple(
  stream: ByteStream,
  head: Uint8Array,
  pending: PendingMap,
  info: Negotiated,
  peer: string,
): Promise<void> {
  const reply = SimpleReply.decode(await whole(stream, head, SimpleReply.size));
  const request = find(pending, reply.cookie);
  if (reply.error !== 0) return request.reject(serverError(reply.error, peer, request));
  if (request.type === Command.read) {
    if (info.structured) throw broken('reply to a read', 'a structured reply', 'a simple reply');
    request.data.set(await stream.read(request.length));
  }
  request.resolve(request);
}

async function chunk(
  stream: ByteStream,
  head: Uint8Array,
  pending: PendingMap,
  info: Negotiated,
  peer: string,
): Promise<void> {
  const { flags, type, cookie, length } = Chunk.decode(await whole(stream, head, Chunk.size));
  const request = find(pending, cookie);
  if (length > info.maximumBlock + CHUNK_OVERHEAD)
    throw broken('chunk length', info.maximumBlock + CHUNK_OVERHEAD, length);
  const body = await stream.read(length);
  if ((type & ChunkType.errorBit) !== 0) request.error ??= chunkError(body, peer, request);
  else if (type === ChunkType.offsetData) storeData(request, body);
  else if (type === ChunkType.offsetHole) storeHole(request, body);
  else if (type === ChunkType.blockStatus) storeRuns(request, body, info);
  else if (type !== ChunkType.none) throw broken('chunk type', 'a known type', type);
  if ((flags & CHUNK_DONE) === 0) return;
  if (request.error !== undefined) return request.reject(request.error);
  if (request.type === Command.read && request.filled !== request.length)
    throw broken('bytes read', request.length, request.filled);
  request.resolve(request);
}

function find(pending: PendingMap, cookie: bigint): Pending {
  const request = pending.get(cookie);
  if (request === undefined) throw broken('cookie', 'one of ours', cookie);
  return request;
}

/** Where a chunk's span lies in the request's buffer. */
function place(request: Pending, offset: bigint, length: number): number {
  const at = Number(offset) - request.offset;
  const fits =
    request.type === Command.read &&
    at >= 0 &&
    at + length <= request.length &&
    request.filled + length <= request.length;
  if (!fits) throw broken('chunk span', `within ${request.offset}+${request.length}`, `${offset}+${length}`);
  request.filled += length;
  return at;
}

function storeData(request: Pending, body: Uint8Array): void {
  if (body.length <= 8) throw broken('data chunk length', '> 8', body.length);
  const data = body.subarray(8);
  request.data.set(data, place(request, viewOf(body).getBigUint64(0), data.length));
}

function storeHole(request: Pending, body: Uint8Array): void {
  if (body.length !== 12) throw broken('hole chunk length', 12, body.length);
  const view = viewOf(body);
  const length = view.getUint32(8);
  const at = place(request, view.getBigUint64(0), length);
  request.data.fill(0, at, at + length);
}

function storeRuns(request: Pending, body: Uint8Array, info: Negotiated): void {
  if (body.length < 12 || (body.length - 4) % 8 !== 0) throw broken('block status length', '4 + 8 n', body.length);
  const view = viewOf(body);
  if (view.getUint32(0) !== info.allocationContext) return;
  for (let at = 4; at < body.length; at += 8) {
    const length = view.getUint32(at);
    const state = view.getUint32(at + 4);
    if (length === 0) throw broken('block status run', '> 0', 0);
    request.runs.push({ length, hole: (state & AllocationFlag.hole) !== 0, zero: (state & AllocationFlag.zero) !== 0 });
  }
}

function chunkError(body: Uint8Array, peer: string, request: Pending): HostError {
  if (body.length < 6) throw broken('error chunk length', '>= 6', body.length);
  const view = viewOf(body);
  const text = decodeUtf8(body.subarray(6, 6 + Math.min(view.getUint16(4), body.length - 6)));
  return serverError(view.getUint32(0), peer, request, text);
}

function serverError(error: number, peer: string, request: Pending, text = ''): HostError {
  const errno = ERROR_NAMES[error] ?? 'EIO';
  const what = Object.entries(Command).find(([, value]) => value === request.type)?.[0] ?? 'request';
  return new HostError({
    path: peer,
    operation: `${what} at ${request.offset}`,
    errno,
    reason: text === '' ? `the server answered ${errno}` : text,
  });
}

function broken(field: string, expected: unknown, found: unknown): CorruptImageError {
  return new CorruptImageError({
    structure: 'NBD reply',
    field,
    expected,
    found,
    citation: 'NBD protocol, "Transmission phase"',
  });
}
