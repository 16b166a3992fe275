import { UsageError } from '../../errors/index.js';
import { ByteReader } from '../byte-reader.js';
import { bytesOf } from '../file-content.js';
import { compressionOf } from '../initrd.js';
import { lineMatcher, type PatternOptions } from '../regex/line-matcher.js';
import type { Session } from '../session.js';
import { LineList, visitLines } from './lines.js';

/** Bytes that tell a compression. */
const MAGIC = 6;

/** How to search. */
export interface GrepOptions extends PatternOptions {
  /** The file may be compressed, as for zgrep(1). */
  readonly compressed?: boolean | undefined;
}

/**
 * Lines of a file in which a pattern matches. All files are taken as text.
 * @throws UsageError when the pattern is wrong
 */
export async function grepLines(
  g: Session,
  pattern: string,
  path: string,
  options: GrepOptions,
  action: string,
): Promise<string[]> {
  if (options.extended === true && options.fixed === true) {
    throw new UsageError("can't use 'extended' and 'fixed' flags at the same time", { argument: 'extended' });
  }
  const matcher = lineMatcher(bytesOf(pattern), options);
  const file = await g.vfs.open(path, action, { signal: g.signal });
  const bytes = options.compressed === true ? decompressed(g, file.stream()) : file.stream();
  const list = new LineList();
  await visitLines(
    bytes,
    (line, start, end) => {
      if (matcher.matches(line, start, end)) list.add(line, start, end);
      return true;
    },
    g.signal,
  );
  return list.lines;
}

/** What a stream holds when it is compressed, else itself. */
export async function* decompressed(g: Session, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(source);
  try {
    const type = compressionOf(await reader.peek(MAGIC));
    yield* type === undefined ? reader.rest() : g.platform.decompress(type, reader.rest());
  } finally {
    await reader.close();
  }
}
