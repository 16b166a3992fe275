import { concatBytes } from '../../binary/index.js';
import { AbortedError, UsageError } from '../../errors/index.js';
import type { Session } from '../session.js';
import { LineList } from './lines.js';

/** Width in bytes and byte order of each encoding of strings(1) `-e`. */
const ENCODINGS: Readonly<Record<string, { width: 1 | 2 | 4; isBig: boolean }>> = {
  s: { width: 1, isBig: false },
  S: { width: 1, isBig: false },
  b: { width: 2, isBig: true },
  l: { width: 2, isBig: false },
  B: { width: 4, isBig: true },
  L: { width: 4, isBig: false },
};
/** Characters that make a string. */
const MINIMUM = 4;
const TAB = 9;

/** Runs of printable characters in a file, as strings(1) finds them. @throws UsageError for an unknown encoding */
export async function findStrings(g: Session, encoding: string, path: string, action: string): Promise<string[]> {
  const known = Object.hasOwn(ENCODINGS, encoding) ? ENCODINGS[encoding] : undefined;
  if (known === undefined) {
    throw new UsageError('encoding must be one of s, S, b, l, B or L', { argument: 'encoding' });
  }
  const file = await g.vfs.open(path, action, { signal: g.signal });
  const scanner = new StringScanner(known.width, known.isBig, encoding === 'S');
  for await (const chunk of file.stream()) {
    if (g.signal.aborted) throw new AbortedError(action, g.signal.reason);
    scanner.scan(chunk);
  }
  return scanner.finish();
}

class StringScanner {
  readonly #list = new LineList();
  /** Printable characters of the run so far. */
  #run: number[] = [];
  /** Bytes of a character that the next chunk ends. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(
    private readonly width: number,
    private readonly isBig: boolean,
    private readonly eightBit: boolean,
  ) {}

  scan(chunk: Uint8Array): void {
    const { width } = this;
    const data = this.#rest.length === 0 ? chunk : concatBytes([this.#rest, chunk]);
    let at = 0;
    while (at + width <= data.length) {
      const character = this.#characterAt(data, at);
      if (this.#isPrintable(character)) {
        this.#run.push(character);
        at += width;
      } else {
        this.#endRun();
        // Characters need not be aligned: the next may begin at the next byte.
        at += 1;
      }
    }
    this.#rest = data.slice(at);
  }

  finish(): string[] {
    this.#endRun();
    return this.#list.lines;
  }

  #characterAt(data: Uint8Array, at: number): number {
    let value = 0;
    for (let i = 0; i < this.width; i++) value = value * 256 + data[this.isBig ? at + i : at + this.width - 1 - i]!;
    return value;
  }

  #isPrintable(c: number): boolean {
    return (c >= 0x20 && c < 0x7f) || c === TAB || (this.eightBit && c > 0x7f && c < 0x100);
  }

  #endRun(): void {
    if (this.#run.length >= MINIMUM) {
      const bytes = Uint8Array.from(this.#run);
      this.#list.add(bytes, 0, bytes.length);
    }
    if (this.#run.length > 0) this.#run = [];
  }
}
