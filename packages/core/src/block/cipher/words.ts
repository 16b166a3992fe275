/** Bytes of a block of AES. */
export const BLOCK = 16;
/** Bytes worked on at once: the scratch buffers of one chunk stay in the processor's caches. */
export const CHUNK = 128 * 1024;

const IS_LITTLE = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** The same bytes as 32-bit words of the host; a copy where they do not lie on a boundary. */
export function wordsOf(data: Uint8Array): Uint32Array {
  const aligned = data.byteOffset % 4 === 0 ? data : data.slice();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 2);
}

/** Words that were computed as little-endian numbers, as bytes in memory have to be. */
export function storeLittle(words: Uint32Array, count: number): void {
  if (IS_LITTLE) return;
  const view = new DataView(words.buffer, words.byteOffset, count * 4);
  for (let i = 0; i < count; i++) view.setUint32(i * 4, words[i]!, true);
}
