import { tmpdir } from 'node:os';
import { basename } from 'node:path';
import type {
  ByteSink,
  CompressionSupport,
  CompressionType,
  HashAlgorithm,
  Hasher,
  HostCreateOptions,
  HostPlatform,
  Timestamp,
} from '../contracts/index.js';
import { AbortedError, HostError } from '../errors/index.js';
import { nodeCrypto } from './node-builtins.js';
import { nodeCiphers } from './node-ciphers.js';
import { nodeCodecs } from './node-codecs.js';
import { compress, compressionSupport, decompress } from './node-compression.js';
import { hostError } from './node-host-error.js';
import { readHostFile } from './node-host-read.js';
import { createHostFile, NodeHostTree } from './node-host-tree.js';
import { describeContent } from './node-magic.js';
import { PosixCksum } from './posix-cksum.js';

type Bytes = AsyncIterable<Uint8Array>;

/** The host as Node shows it. */
export class NodePlatform implements HostPlatform {
  readonly tree = new NodeHostTree();
  readonly ciphers = nodeCiphers;
  readonly codecs = nodeCodecs;
  readonly process = {
    pid: process.pid,
    program: basename(process.argv[1] ?? 'node'),
    temporaryFolder: process.env.TMPDIR ?? tmpdir(),
  };

  hash(algorithm: HashAlgorithm): Hasher {
    if (algorithm === 'crc') return new PosixCksum();
    const hash = nodeCrypto().createHash(algorithm);
    return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest('hex') };
  }

  compression(type: CompressionType): CompressionSupport {
    return compressionSupport(type);
  }

  compress(type: CompressionType, source: Bytes, level?: number): Bytes {
    return compress(type, source, level);
  }

  decompress(type: CompressionType, source: Bytes): Bytes {
    return decompress(type, source);
  }

  async *read(path: string, options?: { readonly reuse?: boolean }): AsyncGenerator<Uint8Array> {
    const name = path === '-' ? 'standard input' : path;
    try {
      yield* path === '-' ? process.stdin : readHostFile(path, options?.reuse === true);
    } catch (error) {
      throw hostError(name, 'read', error);
    }
  }

  async create(path: string, options?: HostCreateOptions): Promise<ByteSink> {
    return path === '-' ? standardOutput() : createHostFile(path, options);
  }

  describeContent(head: Uint8Array): Promise<string> {
    return describeContent(head);
  }

  randomBytes(length: number): Uint8Array {
    return nodeCrypto().randomFillSync(new Uint8Array(length));
  }

  now(): Timestamp {
    const now = performance.timeOrigin + performance.now();
    const sec = Math.floor(now / 1000);
    return { sec, nsec: Math.floor((now - sec * 1000) * 1e6) };
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((done, fail) => {
      const stop = () => {
        clearTimeout(timer);
        fail(new AbortedError('sleep', signal?.reason));
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop);
        done();
      }, milliseconds);
      if (signal?.aborted === true) stop();
      else signal?.addEventListener('abort', stop, { once: true });
    });
  }

  env(name: string): string | undefined {
    return process.env[name];
  }
}

/** Standard output, at the pace of whoever reads it. */
function standardOutput(): ByteSink {
  return {
    isTransient: true,
    write: (chunk) =>
      new Promise((done, fail) => {
        process.stdout.write(chunk, (error) => {
          if (error === null || error === undefined) done();
          else fail(new HostError({ path: 'standard output', operation: 'write', reason: error.message }, error));
        });
      }),
  };
}
