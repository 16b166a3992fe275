import { decodeUtf8, encodeUtf8 } from '../binary/index.js';
import { UsageError } from '../errors/index.js';
import { ByteReader } from './byte-reader.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** Bytes on a line of 76 characters, RFC 2045 section 6.8. */
const LINE_BYTES = 57;
const LINES_AT_ONCE = 1024;
const VALUES = new Int16Array(256).fill(-1);
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i;
const PAD = 0x3d;
const isBlank = (byte: number): boolean => byte === 0x0a || byte === 0x0d || byte === 0x20 || byte === 9;

/** Bytes as lines of 76 characters, as base64(1) writes them. */
export async function* encodeBase64(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(source);
  try {
    for (;;) {
      const block = await reader.peek(LINE_BYTES * LINES_AT_ONCE);
      if (block.length === 0) return;
      await reader.take(block.length);
      let text = '';
      for (let at = 0; at < block.length; at += LINE_BYTES) text += `${line(block.subarray(at, at + LINE_BYTES))}\n`;
      yield encodeUtf8(text);
    }
  } finally {
    await reader.close();
  }
}

function line(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const bits = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += ALPHABET[bits >> 18]! + ALPHABET[(bits >> 12) & 63]!;
    text += (left > 1 ? ALPHABET[(bits >> 6) & 63]! : '=') + (left > 2 ? ALPHABET[bits & 63]! : '=');
  }
  return text;
}

/** The bytes that base64 text stands for; white space is passed over. @throws UsageError where it is no such text */
export async function* decodeBase64(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bits = 0;
  let count = 0;
  let padded = 0;
  for await (const chunk of source) {
    const out = new Uint8Array(Math.ceil((chunk.length * 3) / 4) + 3);
    let length = 0;
    for (const byte of chunk) {
      if (isBlank(byte)) continue;
      const value = VALUES[byte]!;
      const isPad = byte === PAD && count >= 2;
      if ((value < 0 && !isPad) || (padded > 0 && !isPad)) throw invalid(byte);
      if (isPad) padded += 1;
      bits = (bits << 6) | Math.max(value, 0);
      if (++count < 4) continue;
      for (let i = 0; i < 3 - padded; i++) out[length++] = (bits >> (16 - 8 * i)) & 0xff;
      bits = 0;
      count = 0;
      // Whole texts may follow one another.
      padded = 0;
    }
    if (length > 0) yield out.subarray(0, length);
  }
  if (count !== 0) throw new UsageError('invalid base64: it ends early', { argument: 'base64file' });
}

function invalid(byte: number): UsageError {
  const shown = JSON.stringify(decodeUtf8(Uint8Array.of(byte)));
  return new UsageError(`invalid base64: ${shown}`, { argument: 'base64file' });
}
