import { concatBytes, encodeFileName } from '@vmcraft/core';

/** A value on the way to the library or from it: nothing, bytes, or a list. Numbers are decimal text. */
export type Wire = null | Uint8Array | readonly Wire[];

/** Bounds of what is taken from the other side. */
const MAX_MESSAGE = 256 << 20;
const MAX_DEPTH = 8;

const SEMICOLON = 0x3b;
const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** Text as bytes; names that are not UTF-8 keep theirs. */
export const wireText = (text: string): Uint8Array => encodeFileName(text);

function* parts(value: Wire): Generator<Uint8Array> {
  if (value === null) yield ascii('N;');
  else if (value instanceof Uint8Array) {
    yield ascii(`S${value.length};`);
    yield value;
  } else {
    yield ascii(`L${value.length};`);
    for (const item of value) yield* parts(item);
  }
}

/** A message: its length in 32 bits, big-endian, then `N;`, `S<length>;<bytes>` or `L<count>;<items>`. */
export function encodeMessage(value: Wire): Uint8Array {
  const body = concatBytes([...parts(value)]);
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, body.length);
  return concatBytes([head, body]);
}

/** Takes messages apart as their bytes come in. */
export class MessageDecoder {
  #pending: Uint8Array = new Uint8Array(0);

  /** @throws RangeError for what is no message */
  *push(chunk: Uint8Array): Generator<Wire> {
    this.#pending = this.#pending.length === 0 ? chunk : concatBytes([this.#pending, chunk]);
    for (;;) {
      const bytes = this.#pending;
      if (bytes.length < 4) return;
      const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
      if (length > MAX_MESSAGE) throw new RangeError(`message of ${length} bytes`);
      if (bytes.length < 4 + length) return;
      this.#pending = bytes.subarray(4 + length);
      const cursor = { bytes: bytes.subarray(4, 4 + length), at: 0 };
      yield decode(cursor, 0);
    }
  }
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

function decode(cursor: Cursor, depth: number): Wire {
  const { bytes, at } = cursor;
  const end = bytes.indexOf(SEMICOLON, at);
  if (end < 0 || end - at > 12 || depth > MAX_DEPTH) throw new RangeError('not a message');
  const kind = String.fromCharCode(bytes[at]!);
  const count = Number(Buffer.from(bytes.subarray(at + 1, end)).toString('latin1'));
  cursor.at = end + 1;
  if (kind === 'N') return null;
  if (!Number.isSafeInteger(count) || count < 0 || count > bytes.length - cursor.at)
    throw new RangeError('not a message');
  if (kind === 'L') return Array.from({ length: count }, () => decode(cursor, depth + 1));
  if (kind !== 'S') throw new RangeError('not a message');
  cursor.at += count;
  // A copy: `slice` of Node's buffers is a view, which would keep the whole message.
  return new Uint8Array(bytes.subarray(cursor.at - count, cursor.at));
}
