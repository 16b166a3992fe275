import type { OpenedFile } from '../../vfs/index.js';
import type { Session } from '../session.js';
import { LineList, visitLines } from './lines.js';

const NEWLINE = 0x0a;
/** Bytes looked through at once when going backwards. */
const WINDOW = 256 * 1024;

/** head(1): the first `count` lines, or all but the last `-count`. */
export async function headLines(g: Session, path: string, count: number, action: string): Promise<string[]> {
  const file = await g.vfs.open(path, action, { signal: g.signal });
  if (count === 0) return [];
  const end = count > 0 ? file.stat.size : await startOfLast(file, -count);
  const list = new LineList();
  await visitLines(
    file.stream(0, end),
    (bytes, from, to) => {
      list.add(bytes, from, to);
      return count < 0 || list.lines.length < count;
    },
    g.signal,
  );
  return list.lines;
}

/** tail(1): the last `count` lines, or those from line number `-count` on. */
export async function tailLines(g: Session, path: string, count: number, action: string): Promise<string[]> {
  const file = await g.vfs.open(path, action, { signal: g.signal });
  if (count === 0) return [];
  const start = count > 0 ? await startOfLast(file, count) : 0;
  const list = new LineList();
  let number = 0;
  await visitLines(
    file.stream(start),
    (bytes, from, to) => {
      if (++number >= -count) list.add(bytes, from, to);
      return true;
    },
    g.signal,
  );
  return list.lines;
}

/** Where the last `count` lines begin, found from the end. */
async function startOfLast(file: OpenedFile, count: number): Promise<number> {
  let left = count;
  // A newline at the very end belongs to the last line.
  for (let end = file.stat.size - 1; end > 0; ) {
    const start = Math.max(0, end - WINDOW);
    const bytes = await file.read(start, end - start);
    for (let at = bytes.lastIndexOf(NEWLINE); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(NEWLINE, at - 1)) {
      if (--left === 0) return start + at + 1;
    }
    end = start;
  }
  return 0;
}
