import { concatBytes } from '../../binary/index.js';
import { AbortedError, LimitExceededError } from '../../errors/index.js';
import { textOf } from '../file-content.js';

const NEWLINE = 0x0a;
/** Bytes of one line. */
const MAX_LINE = 64 * 1024 * 1024;
/** Bytes of all lines that a call gives back. */
const MAX_RESULT = 256 * 1024 * 1024;

/** Takes a line without its newline; false to stop. */
export type LineVisitor = (bytes: Uint8Array, start: number, end: number) => boolean | undefined;

/** Visit each line of a stream; a last one without a newline counts. @throws LimitExceededError for a line too long to hold */
export async function visitLines(
  source: AsyncIterable<Uint8Array>,
  visit: LineVisitor,
  signal: AbortSignal,
): Promise<void> {
  let parts: Uint8Array[] = [];
  let held = 0;
  for await (const chunk of source) {
    if (signal.aborted) throw new AbortedError('reading lines', signal.reason);
    let start = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, start)) {
      if (held === 0) {
        if (visit(chunk, start, at) === false) return;
      } else {
        const line = concatBytes([...parts, chunk.subarray(0, at)]);
        parts = [];
        held = 0;
        if (visit(line, 0, line.length) === false) return;
      }
      start = at + 1;
    }
    if (start === chunk.length) continue;
    parts.push(chunk.slice(start));
    held += chunk.length - start;
    if (held > MAX_LINE) throw new LimitExceededError({ limit: 'bytes of a line', value: held, max: MAX_LINE });
  }
  const last = concatBytes(parts);
  if (held > 0) visit(last, 0, last.length);
}

/** Lines to give back, as text. */
export class LineList {
  readonly lines: string[] = [];
  #size = 0;

  /** @throws LimitExceededError when there are more than a call can give back */
  add(bytes: Uint8Array, start: number, end: number): void {
    this.#size += end - start + 16;
    if (this.#size > MAX_RESULT) {
      throw new LimitExceededError({ limit: 'bytes of the result', value: this.#size, max: MAX_RESULT });
    }
    this.lines.push(textOf(bytes.subarray(start, end)));
  }
}
