import { concatBytes, decodeFileName, encodeFileName } from '../binary/index.js';
import { AbortedError, FsError, LimitExceededError } from '../errors/index.js';
import type { WritableFile } from '../vfs/index.js';
import type { Session } from './session.js';

/** Bytes of a file that a call may hold in memory; larger ones are streamed with `download`. */
export const MAX_IN_MEMORY = 512 * 1024 * 1024;
/** Bytes written at once. */
export const WRITE_CHUNK = 1 << 20;
/** Permission bits of new files before the umask. */
const NEW_FILE = 0o666;

/** The whole of a regular file. @throws LimitExceededError when it is too large to hold */
export async function readWhole(g: Session, path: string, operation: string): Promise<Uint8Array> {
  const file = await g.vfs.open(path, operation, { signal: g.signal });
  if (file.stat.size > MAX_IN_MEMORY) {
    throw new LimitExceededError({ limit: `size of ${path}`, value: file.stat.size, max: MAX_IN_MEMORY });
  }
  const parts: Uint8Array[] = [];
  for await (const chunk of file.stream()) parts.push(chunk);
  return parts.length === 1 ? (parts[0] as Uint8Array).slice() : concatBytes(parts);
}

/** Text of bytes that need not be UTF-8; {@link bytesOf} gives the same bytes back. */
export function textOf(bytes: Uint8Array): string {
  return decodeFileName(bytes);
}

/** Bytes of a `BufferIn` argument or of text from {@link textOf}. */
export function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === 'string' ? encodeFileName(content) : content;
}

/** Replace the contents of a file, making it where it is missing. */
export async function writeWhole(
  g: Session,
  path: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  operation: string,
): Promise<void> {
  const file = await g.vfs.edit.open(path, { create: NEW_FILE, truncate: true }, operation);
  await writeStream(g, file, 0, content, operation);
}

/** Open for writing, making the file where it is missing. */
export function openForWrite(g: Session, path: string, operation: string, truncate = false): Promise<WritableFile> {
  return g.vfs.edit.open(path, { create: NEW_FILE, truncate }, operation);
}

/**
 * Write bytes from an offset on. Small chunks are put together, so that the file system sees few large writes.
 * @returns the offset after the last byte
 */
export async function writeStream(
  g: Session,
  file: WritableFile,
  offset: number,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  operation: string,
): Promise<number> {
  const { signal } = g;
  let at = offset;
  for await (const chunk of content instanceof Uint8Array ? slices(content) : gathered(content)) {
    if (signal.aborted) throw new AbortedError(operation, signal.reason);
    await file.write(at, chunk);
    at += chunk.length;
    g.events.emit('progress', { phase: operation, done: at - offset, unit: 'bytes' });
  }
  return at;
}

function* slices(content: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < content.length; at += WRITE_CHUNK) yield content.subarray(at, at + WRITE_CHUNK);
}

/** Small chunks put together to {@link WRITE_CHUNK} bytes. */
export async function* gathered(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    if (size === 0 && chunk.length >= WRITE_CHUNK) {
      yield* slices(chunk);
      continue;
    }
    // The producer may reuse its buffer.
    parts.push(chunk.slice());
    size += chunk.length;
    if (size < WRITE_CHUNK) continue;
    yield concatBytes(parts);
    parts = [];
    size = 0;
  }
  if (size > 0) yield concatBytes(parts);
}

/** A number that POSIX calls want not to be negative. @throws FsError EINVAL */
export function requireNotNegative(value: number, name: string, operation: string, path?: string): void {
  if (value >= 0) return;
  throw new FsError('EINVAL', { operation, reason: `${name} is negative`, ...(path === undefined ? {} : { path }) });
}

/** Whether both files have the same bytes. */
export async function haveSameContent(g: Session, a: string, b: string, operation: string): Promise<boolean> {
  const options = { signal: g.signal };
  const first = await g.vfs.open(a, operation, options);
  const second = await g.vfs.open(b, operation, options);
  if (first.stat.size !== second.stat.size) return false;
  if (first.location.isSame(second.location)) return true;
  for (let at = 0; at < first.stat.size; at += WRITE_CHUNK) {
    const [x, y] = await Promise.all([first.read(at, WRITE_CHUNK), second.read(at, WRITE_CHUNK)]);
    if (x.length !== y.length) return false;
    for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  }
  return true;
}
