import type { CompressionType } from '../contracts/index.js';
import { CapabilityError, UsageError } from '../errors/index.js';
import type { Session } from './session.js';

const TYPES: readonly CompressionType[] = ['compress', 'gzip', 'bzip2', 'xz', 'lzop', 'lzma', 'zstd'];

/**
 * A compression by the name that guestfs has for it, which must work here in the direction asked for.
 * @throws UsageError when there is no such compression, CapabilityError when it is not supported
 */
export function compressionNamed(
  g: Session,
  name: string,
  direction: 'compress' | 'decompress',
  argument: string,
): CompressionType {
  const type = TYPES.find((known) => known === name);
  if (type === undefined) throw new UsageError(`unknown compression type '${name}': ${TYPES.join(', ')}`, { argument });
  const support = g.platform.compression(type);
  if (support[direction]) return type;
  const reason = `compression type '${type}' is not supported${support.reason === undefined ? '' : `: ${support.reason}`}`;
  throw new CapabilityError({ capability: `${direction} ${type}`, subject: 'this host', reason });
}
