/** Reads of one request that are under way at once: fewer than an AbortSignal takes listeners without a warning. */
const AT_ONCE = 8;

/** Read a range by its pieces, which end where chunks do. */
export async function readPieces(
  offset: number,
  length: number,
  chunkSize: number,
  read: (offset: number, length: number) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const out = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const pieces: Promise<void>[] = [];
    while (pieces.length < AT_ONCE && done < length) {
      const at = done;
      const run = Math.min(chunkSize - ((offset + at) % chunkSize), length - at);
      pieces.push(read(offset + at, run).then((data) => out.set(data, at)));
      done += run;
    }
    await Promise.all(pieces);
  }
  return out;
}
