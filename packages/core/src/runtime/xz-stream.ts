import library from 'xz-decompress';

/** Chunks taken from the library after its reader has stopped, so that it comes to its end by itself. */
const LAST_CHUNKS = 8;

/**
 * Decompress xz. Whoever reads may stop early, as `tar` does at the end of an archive.
 *
 * The library works one chunk ahead, and frees its decoder twice when it is cancelled after it has come to its end, or while it works:
 * the second time fails, and lets two streams into what it guards for one. So it is cancelled only where neither can be.
 */
export async function* unxz(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let stopped = false;
  const compressed = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = stopped ? { done: true as const } : await iterator.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
  });
  const reader = new library.XzReadableStream(compressed).getReader();
  let ended = false;
  try {
    for (;;) {
      const next = await reader.read();
      if (next.done) break;
      yield next.value;
    }
    ended = true;
  } catch (error) {
    ended = true;
    throw error;
  } finally {
    stopped = true;
    if (!ended) await stop(reader);
    await iterator.return?.();
  }
}

async function stop(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  for (let i = 0; i < LAST_CHUNKS; i++) {
    // It gets no more input: an error is its end as well.
    const last = await reader.read().catch(() => undefined);
    if (last === undefined || last.done) return;
  }
  // Its queue is full again after this turn, and nothing under way.
  await new Promise((done) => setImmediate(done));
  await reader.cancel();
}
