import { createReadStream } from 'node:fs';
import { constants, type FileHandle, open, rm } from 'node:fs/promises';
import { bytesFrom, type FileSource, type FileTarget, pourInto, type Session } from '@vmcraft/core/guest';

/** Bytes on their way through a named pipe. */
export interface PipeTransfer {
  /** All bytes have passed. */
  readonly done: Promise<void>;
  /** Let go of the pipe, also when nobody has opened its other end. */
  release(): Promise<void>;
}

/** Opening the end of a pipe waits for the other end; opening both, without waiting, frees whoever waits. */
async function free(path: string): Promise<void> {
  const both = await open(path, constants.O_RDWR | constants.O_NONBLOCK).catch(() => undefined);
  await both?.close();
  await rm(path, { force: true });
}

/** Write the bytes of the host into a pipe that the library reads as a file. */
export function feedPipe(g: Session, source: FileSource, path: string): PipeTransfer {
  const run = async (): Promise<void> => {
    const pipe = await open(path, constants.O_WRONLY);
    try {
      for await (const chunk of bytesFrom(g, source)) await writeAll(pipe, chunk);
    } catch (error) {
      // The library has stopped reading; it says why itself.
      if ((error as { code?: unknown }).code !== 'EPIPE') throw error;
    } finally {
      await pipe.close();
    }
  };
  const done = run();
  return { done, release: () => free(path).then(() => done.catch(() => undefined)) };
}

/** Take the bytes that the library writes to a file. */
export function drainPipe(g: Session, target: FileTarget, path: string, phase: string): PipeTransfer {
  const stream = createReadStream(path);
  const done = pourInto(g, target, stream, phase);
  return {
    done,
    release: async () => {
      await free(path);
      await done.catch(() => undefined);
      stream.destroy();
    },
  };
}

async function writeAll(pipe: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length; ) done += (await pipe.write(chunk, done)).bytesWritten;
}
