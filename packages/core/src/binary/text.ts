import type { FieldType } from './field.js';

const decoder16 = new TextDecoder('utf-16le');
const decoder8 = new TextDecoder();
const encoder8 = new TextEncoder();

/** Text of UTF-16LE bytes; stops at the first NUL code unit. Lone surrogates become U+FFFD. */
export function decodeUtf16(data: Uint8Array): string {
  let end = data.length & ~1;
  for (let i = 0; i + 1 < data.length; i += 2) {
    if (data[i] === 0 && data[i + 1] === 0) {
      end = i;
      break;
    }
  }
  return decoder16.decode(data.subarray(0, end));
}

/** UTF-16LE bytes of text, without terminator. */
export function encodeUtf16(text: string): Uint8Array {
  const out = new Uint8Array(text.length * 2);
  const view = new DataView(out.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(i * 2, text.charCodeAt(i), true);
  return out;
}

/** UTF-16LE text padded with NUL to `length` bytes. */
export function utf16le(length: number): FieldType<string> {
  return {
    size: length,
    read: (view, offset) => decodeUtf16(new Uint8Array(view.buffer, view.byteOffset + offset, length)),
    write: (view, offset, value) => {
      const target = new Uint8Array(view.buffer, view.byteOffset + offset, length);
      target.fill(0);
      target.set(encodeUtf16(value).subarray(0, length));
    },
  };
}

/** UTF-8 bytes of text. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder8.encode(text);
}

/** Text of UTF-8 bytes; invalid sequences become U+FFFD. */
export function decodeUtf8(data: Uint8Array): string {
  return decoder8.decode(data);
}
