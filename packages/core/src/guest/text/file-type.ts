import { concatBytes } from '../../binary/index.js';
import {
  type CompressionType,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFSOCK,
} from '../../contracts/index.js';
import { UsageError } from '../../errors/index.js';
import { compressionNamed } from '../compression.js';
import { compressionOf } from '../initrd.js';
import type { Session } from '../session.js';
import { openGuestSource } from '../transfer.js';

/** Bytes that file(1) looks at. */
const HEAD = 1 << 20;

const OTHER_TYPES: ReadonlyMap<number, string> = new Map([
  [S_IFDIR, 'directory'],
  [S_IFCHR, 'character device'],
  [S_IFBLK, 'block device'],
  [S_IFIFO, 'FIFO'],
  [S_IFLNK, 'symbolic link'],
  [S_IFSOCK, 'socket'],
]);

/** What a file, or the contents of a device, is: the words of file(1), with `-z` for compressed files. */
export async function describeFile(g: Session, name: string, action: string): Promise<string> {
  if (!name.startsWith('/dev/')) {
    const location = await g.vfs.resolve(name, action, false);
    const other = OTHER_TYPES.get((await g.vfs.statAt(location)).mode & S_IFMT);
    if (other !== undefined) return other;
  }
  const source = await openGuestSource(g, name, action);
  const head = await firstBytes(source.stream(0, HEAD));
  const outer = await describe(g, head);
  const compression = compressionOf(head);
  if (compression === undefined || !g.platform.compression(compression).decompress) return outer;
  return `${await describeInside(g, compression, source.stream())} (${outer})`;
}

/** What is in a compressed file. */
export async function describeCompressed(g: Session, method: string, path: string): Promise<string> {
  const action = 'zfile';
  if (!['gzip', 'compress', 'bzip2'].includes(method)) throw new UsageError('unknown method', { argument: 'meth' });
  const type = compressionNamed(g, method, 'decompress', 'meth');
  const file = await g.vfs.open(path, action, { signal: g.signal });
  return describe(g, await firstBytes(g.platform.decompress(type, file.stream())));
}

async function describeInside(g: Session, type: CompressionType, source: AsyncIterable<Uint8Array>): Promise<string> {
  try {
    return await describe(g, await firstBytes(g.platform.decompress(type, source)));
  } catch (error) {
    return `ERROR:[${type}: ${error instanceof Error ? error.message : String(error)}]`;
  }
}

function describe(g: Session, head: Uint8Array): Promise<string> {
  return head.length === 0 ? Promise.resolve('empty') : g.platform.describeContent(head);
}

async function firstBytes(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let have = 0;
  for await (const chunk of source) {
    parts.push(chunk.slice(0, HEAD - have));
    have += parts.at(-1)!.length;
    if (have >= HEAD) break;
  }
  return concatBytes(parts);
}
