import { AbortedError } from '../../errors/index.js';
import type { Session } from '../session.js';

const NEWLINE = 0x0a;
const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 9 && byte <= 13);

/** wc(1): lines are newlines, words are what white space parts. */
export async function countIn(g: Session, path: string, unit: 'lines' | 'words', action: string): Promise<number> {
  const file = await g.vfs.open(path, action, { signal: g.signal });
  let count = 0;
  let isInWord = false;
  for await (const chunk of file.stream()) {
    if (g.signal.aborted) throw new AbortedError(action, g.signal.reason);
    if (unit === 'lines') {
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) count++;
      continue;
    }
    for (let i = 0; i < chunk.length; i++) {
      const isSeparator = isSpace(chunk[i]!);
      if (!isSeparator && !isInWord) count++;
      isInWord = !isSeparator;
    }
  }
  return count;
}
