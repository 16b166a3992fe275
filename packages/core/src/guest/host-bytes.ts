import type { ByteSink } from '../contracts/index.js';
import { AbortedError } from '../errors/index.js';
import type { FileSource, FileTarget } from './argument.js';
import type { Session } from './session.js';

/**
 * The bytes of a `FileIn` argument. With `reuse` a chunk is only good until the next one is asked for.
 * Ends with AbortedError when the call is cancelled.
 */
export async function* bytesFrom(
  g: Session,
  source: FileSource,
  options?: { readonly reuse?: boolean },
): AsyncGenerator<Uint8Array> {
  const { signal } = g;
  for await (const chunk of typeof source === 'string' ? g.platform.read(source, options) : source) {
    if (signal.aborted) throw new AbortedError('upload', signal.reason);
    yield chunk;
  }
}

/** Run `work` with the sink of a `FileOut` argument; it is closed at the end, or aborted when `work` fails. */
export async function withSink<T>(g: Session, target: FileTarget, work: (sink: ByteSink) => Promise<T>): Promise<T> {
  const sink = typeof target === 'string' ? await g.platform.create(target) : target;
  try {
    const result = await work(sink);
    await sink.close?.();
    return result;
  } catch (error) {
    await sink.abort?.(error);
    throw error;
  }
}

/**
 * Pour bytes into a `FileOut` argument, with progress.
 * @param total bytes to come, when known
 */
export async function pourInto(
  g: Session,
  target: FileTarget,
  bytes: AsyncIterable<Uint8Array>,
  phase: string,
  total?: number,
): Promise<void> {
  const { signal } = g;
  await withSink(g, target, async (sink) => {
    let done = 0;
    for await (const chunk of bytes) {
      if (signal.aborted) throw new AbortedError(phase, signal.reason);
      await sink.write(chunk);
      done += chunk.length;
      g.events.emit('progress', { phase, done, unit: 'bytes', ...(total === undefined ? {} : { total }) });
    }
  });
}
