import { equalBytes } from '../../binary/index.js';
import { AbortedError, LimitExceededError } from '../../errors/index.js';
import { ByteReader } from '../byte-reader.js';
import type { Session } from '../session.js';

const LINE = 16;
/** Characters that a call gives back. */
const MAX_TEXT = 256 * 1024 * 1024;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The canonical dump of hexdump(1) `-C`: offset, sixteen bytes, text; a star for lines that are like the one before. */
export async function hexdump(g: Session, path: string, action: string): Promise<string> {
  const file = await g.vfs.open(path, action, { signal: g.signal });
  const reader = new ByteReader(file.stream());
  const parts: string[] = [];
  let size = 0;
  let last: Uint8Array | undefined;
  let isSqueezed = false;
  let at = 0;
  for (;;) {
    if (g.signal.aborted) throw new AbortedError(action, g.signal.reason);
    const block = await reader.peek(1 << 16);
    if (block.length === 0) break;
    await reader.take(block.length);
    for (let i = 0; i < block.length; i += LINE) {
      const bytes = block.subarray(i, i + LINE);
      if (last !== undefined && bytes.length === LINE && equalBytes(bytes, last)) {
        if (!isSqueezed) parts.push('*\n');
        isSqueezed = true;
      } else {
        parts.push(dumpLine(at + i, bytes));
        size += parts.at(-1)!.length;
        isSqueezed = false;
      }
      last = bytes.slice();
    }
    at += block.length;
    if (size > MAX_TEXT) throw new LimitExceededError({ limit: 'characters of the dump', value: size, max: MAX_TEXT });
  }
  await reader.close();
  if (at > 0) parts.push(`${offsetText(at)}\n`);
  return parts.join('');
}

function offsetText(offset: number): string {
  return offset.toString(16).padStart(8, '0');
}

function dumpLine(offset: number, bytes: Uint8Array): string {
  let hex = '';
  let text = '';
  for (let i = 0; i < LINE; i++) {
    const byte = bytes[i];
    if (i === LINE / 2) hex += ' ';
    hex += byte === undefined ? '   ' : ` ${HEX[byte]}`;
    if (byte !== undefined) text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.';
  }
  return `${offsetText(offset)} ${hex}  |${text}|\n`;
}
