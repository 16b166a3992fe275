import { encodeFileName } from '../binary/index.js';
import { type HashAlgorithm, S_IFREG } from '../contracts/index.js';
import { AbortedError, UsageError } from '../errors/index.js';
import { walkTree } from '../vfs/index.js';
import { directoryAt } from './archive/transfer.js';
import type { FileTarget } from './argument.js';
import { gathered } from './file-content.js';
import { pourInto } from './host-bytes.js';
import type { Session } from './session.js';
import { openGuestSource } from './transfer.js';

const TYPES: readonly HashAlgorithm[] = ['crc', 'md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'];

function algorithmNamed(name: string): HashAlgorithm {
  const found = TYPES.find((known) => known === name);
  if (found !== undefined) return found;
  throw new UsageError(`unknown checksum type, expecting ${TYPES.join('|')}`, { argument: 'csumtype' });
}

/** Checksum of a file or device. @throws UsageError when there is no such type */
export async function checksum(g: Session, type: string, name: string, action: string): Promise<string> {
  const algorithm = algorithmNamed(type);
  const source = await openGuestSource(g, name, action);
  const { sum } = await sumOf(g, algorithm, source.stream(0, source.size, { reuse: true }), action, source.size);
  return sum;
}

async function sumOf(
  g: Session,
  algorithm: HashAlgorithm,
  bytes: AsyncIterable<Uint8Array>,
  action: string,
  total: number,
): Promise<{ sum: string; length: number }> {
  const hasher = g.platform.hash(algorithm);
  let done = 0;
  for await (const chunk of bytes) {
    if (g.signal.aborted) throw new AbortedError(action, g.signal.reason);
    hasher.update(chunk);
    done += chunk.length;
    g.events.emit('progress', { phase: action, done, total, unit: 'bytes' });
  }
  return { sum: hasher.digest(), length: done };
}

/** Checksums of all regular files below a directory, in the lines that the command of that name prints. */
export async function checksumsOut(
  g: Session,
  type: string,
  directory: string,
  target: FileTarget,
  action: string,
): Promise<void> {
  const algorithm = algorithmNamed(type);
  const top = await directoryAt(g, directory, action);
  const lines = async function* (): AsyncGenerator<Uint8Array> {
    for await (const { location, relative } of walkTree(g.vfs, top, { sorted: true, signal: g.signal })) {
      if ((await location.type()) !== S_IFREG) continue;
      const file = await g.vfs.openAt(location, action, location.path, { signal: g.signal });
      const { size } = file.stat;
      const { sum, length } = await sumOf(g, algorithm, file.stream(0, size, { reuse: true }), action, size);
      const name = `./${relative}`;
      yield encodeFileName(algorithm === 'crc' ? `${sum} ${length} ${name}\n` : sumLine(sum, name));
    }
  };
  await pourInto(g, target, gathered(lines()), action);
}

/** A line of md5sum(1) and its like; one with an escaped name begins with a backslash. */
function sumLine(sum: string, name: string): string {
  const escaped = name.replace(/[\\\n\r]/g, (c) => (c === '\\' ? '\\\\' : c === '\n' ? '\\n' : '\\r'));
  return `${escaped === name ? '' : '\\'}${sum}  ${escaped}\n`;
}
