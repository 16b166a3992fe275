import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CompressionSupport, CompressionType } from '../contracts/index.js';
import { CapabilityError, CorruptImageError } from '../errors/index.js';
import { nodeZlib } from './node-builtins.js';

type Bytes = AsyncIterable<Uint8Array>;
/** zstd came to node:zlib in 22.15 and 23.8. */
interface ZstdOfNode {
  createZstdCompress?: (options: { params: Record<number, number> }) => NodeJS.ReadWriteStream;
  createZstdDecompress?: () => NodeJS.ReadWriteStream;
  constants: { ZSTD_c_compressionLevel: number };
}
const zstdOfNode = (): ZstdOfNode => nodeZlib() as unknown as ZstdOfNode;

const NO_ENCODER = 'no compressor for it is installed';

/** What can be done with a compression on this Node. */
export function compressionSupport(type: CompressionType): CompressionSupport {
  switch (type) {
    case 'gzip':
      return { compress: true, decompress: true };
    case 'zstd':
      return zstdOfNode().createZstdCompress === undefined
        ? { compress: false, decompress: true, reason: 'Node before 22.15 cannot compress zstd' }
        : { compress: true, decompress: true };
    case 'xz':
    case 'bzip2':
      return { compress: false, decompress: true, reason: NO_ENCODER };
    default:
      return { compress: false, decompress: false, reason: NO_ENCODER };
  }
}

/** @throws CapabilityError */
export function compress(type: CompressionType, source: Bytes, level?: number): Bytes {
  const zstd = zstdOfNode();
  if (type === 'gzip') return through(source, nodeZlib().createGzip(level === undefined ? {} : { level }));
  if (type === 'zstd' && zstd.createZstdCompress !== undefined) {
    const params = level === undefined ? {} : { [zstd.constants.ZSTD_c_compressionLevel]: level };
    return through(source, zstd.createZstdCompress({ params }));
  }
  const { reason } = compressionSupport(type);
  throw new CapabilityError({ capability: 'compress', subject: type, ...(reason === undefined ? {} : { reason }) });
}

/** @throws CapabilityError at once, CorruptImageError while reading */
export function decompress(type: CompressionType, source: Bytes): Bytes {
  const decode = DECODERS[type];
  if (decode === undefined) throw new CapabilityError({ capability: 'decompress', subject: type, reason: NO_ENCODER });
  return guarded(type, decode(source));
}

const DECODERS: Partial<Record<CompressionType, (source: Bytes) => Bytes>> = {
  gzip: (source) => through(source, nodeZlib().createGunzip()),
  zstd: (source) => {
    const zstd = zstdOfNode();
    return zstd.createZstdDecompress === undefined ? unzstd(source) : through(source, zstd.createZstdDecompress());
  },
  xz: async function* (source) {
    yield* (await import('./xz-stream.js')).unxz(source);
  },
  bzip2: unbzip2,
};

/** Run bytes through a Node transform, with back-pressure; a failure of either side ends both. */
async function* through(source: Bytes, transform: NodeJS.ReadWriteStream): AsyncGenerator<Uint8Array> {
  const fed = pipeline(Readable.from(source, { objectMode: false, highWaterMark: 1 << 18 }), transform);
  fed.catch(() => undefined);
  try {
    yield* transform as unknown as Bytes;
  } finally {
    (transform as unknown as { destroy(): void }).destroy();
  }
  await fed;
}

async function* unbzip2(source: Bytes): AsyncGenerator<Uint8Array> {
  const { default: unbzip2Stream } = await import('unbzip2-stream');
  const decoder = unbzip2Stream();
  const chunks: Uint8Array[] = [];
  let failure: unknown;
  decoder.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  decoder.on('error', (error: unknown) => {
    failure ??= error;
  });
  const taken = (): Uint8Array[] => {
    if (failure !== undefined) throw failure;
    return chunks.splice(0);
  };
  for await (const chunk of source) {
    decoder.write(chunk as unknown as string);
    yield* taken();
  }
  decoder.end();
  yield* taken();
}

async function* unzstd(source: Bytes): AsyncGenerator<Uint8Array> {
  yield* (await import('./zstd-stream.js')).unzstd(source);
}

/** Whatever a decoder throws means that the bytes are not what they should be; errors of ours pass. */
async function* guarded(type: CompressionType, decoded: Bytes): AsyncGenerator<Uint8Array> {
  try {
    yield* decoded;
  } catch (error) {
    if (error instanceof Error && 'data' in error) throw error;
    throw new CorruptImageError(
      { structure: `${type} stream`, reason: error instanceof Error ? error.message : String(error) },
      error,
    );
  }
}
