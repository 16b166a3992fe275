import { fstatSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** Most bytes of a host file read at once. */
const READ_CHUNK = 1 << 20;
/** Least; what a file grew by, or one that does not tell its size, comes in these. */
const READ_TAIL = 1 << 14;
/** A regular file of up to so many bytes is read in one turn: handing it to another thread takes longer than reading it. */
const SMALL = 1 << 16;
/** Where small files are read to; never held beyond a turn. */
let scratch: Uint8Array | undefined;

/**
 * Chunks of a host file; the next one is read while the caller works on the last. Buffers are no larger than what is left.
 * @param reuse read into the same two buffers again and again: a chunk is only good until the next one is asked for
 */
export async function* readHostFile(path: string, reuse: boolean): AsyncGenerator<Uint8Array> {
  // Opening may wait (for the writer of a FIFO), so it must not hold up the process.
  const file = await open(path);
  let position: number | null = null;
  try {
    const stat = fstatSync(file.fd);
    if (stat.isFile() && stat.size <= SMALL) {
      const whole = readSmall(file.fd);
      if (whole.length > 0) yield whole;
      if (whole.length <= SMALL) return;
      position = whole.length;
    }
    yield* readLarge(file, position, stat.size - (position ?? 0), reuse);
  } finally {
    await file.close();
  }
}

/** A file from its beginning; it has grown when there is more than {@link SMALL}. */
function readSmall(fd: number): Uint8Array {
  scratch ??= new Uint8Array(SMALL + 1);
  let got = 0;
  while (got < scratch.length) {
    const n = readSync(fd, scratch, got, scratch.length - got, got);
    if (n === 0) break;
    got += n;
  }
  return scratch.slice(0, got);
}

async function* readLarge(
  file: FileHandle,
  position: number | null,
  size: number,
  reuse: boolean,
): AsyncGenerator<Uint8Array> {
  const buffers: (Buffer | undefined)[] = [undefined, undefined];
  let at = position;
  let left = size;
  const next = async (): Promise<Uint8Array> => {
    const chunk = buffers[0] ?? Buffer.allocUnsafeSlow(Math.min(READ_CHUNK, Math.max(READ_TAIL, left)));
    if (reuse) buffers.push(chunk);
    buffers.shift();
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
    left -= bytesRead;
    if (at !== null) at += bytesRead;
    return new Uint8Array(chunk.buffer, 0, bytesRead);
  };
  let pending: Promise<Uint8Array> | undefined;
  try {
    for (let chunk = await next(); chunk.length > 0; chunk = await pending) {
      pending = next();
      // A failure counts when its turn comes.
      pending.catch(() => undefined);
      yield chunk;
    }
  } finally {
    await pending?.catch(() => undefined);
  }
}
