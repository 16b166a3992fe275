import { decodeFileName, decodeUtf8 } from '../binary/index.js';
import type { CompressionType, HostPlatform } from '../contracts/index.js';
import { CorruptImageError } from '../errors/index.js';
import { ByteReader } from './byte-reader.js';

/** "newc" header: magic and thirteen fields of eight hex digits (cpio(5); Linux `driver-api/early-userspace/buffer-format`). */
const HEADER_SIZE = 110;
const MAGICS: ReadonlySet<string> = new Set(['070701', '070702']);
const FIELD = { mode: 14, fileSize: 54, nameSize: 94 } as const;
const MAX_NAME = 4096;
const TRAILER = 'TRAILER!!!';
/** An initrd holds plain archives (microcode) and then a compressed one; deeper nesting is none. */
const MAX_NESTING = 3;
const ALIGNMENT = 4;

/** One file of an initrd. Read `content` before asking for the next entry, or leave it. */
export interface InitrdEntry {
  readonly name: string;
  readonly mode: number;
  readonly size: number;
  content(): AsyncGenerator<Uint8Array>;
}

const COMPRESSIONS: readonly (readonly [CompressionType, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['bzip2', [0x42, 0x5a, 0x68]],
];

/** The compression that bytes start with. */
export function compressionOf(head: Uint8Array): CompressionType | undefined {
  return COMPRESSIONS.find(([, magic]) => magic.every((byte, i) => head[i] === byte))?.[0];
}

/** Files of an initramfs image: archives one after the other, compressed or not. @throws CorruptImageError */
export async function* initrdEntries(
  platform: HostPlatform,
  source: AsyncIterable<Uint8Array>,
  nesting = 0,
): AsyncGenerator<InitrdEntry> {
  const reader = new ByteReader(source);
  try {
    for (;;) {
      const head = await reader.peek(6);
      if (head.length === 0) return;
      if (head[0] === 0) {
        await reader.skip(1);
        continue;
      }
      const compression = compressionOf(head);
      if (compression !== undefined && nesting < MAX_NESTING) {
        yield* initrdEntries(platform, platform.decompress(compression, reader.rest()), nesting + 1);
        return;
      }
      yield* archiveEntries(reader);
    }
  } finally {
    await reader.close();
  }
}

/** Entries of one archive up to its trailer. */
async function* archiveEntries(reader: ByteReader): AsyncGenerator<InitrdEntry> {
  for (;;) {
    const header = await reader.take(HEADER_SIZE);
    if (header === undefined) throw corrupt('ends within a header');
    const text = decodeUtf8(header);
    if (!MAGICS.has(text.slice(0, 6))) throw corrupt(`no cpio archive: starts with '${text.slice(0, 6)}'`);
    const nameSize = field(text, FIELD.nameSize);
    const size = field(text, FIELD.fileSize);
    if (nameSize === 0 || nameSize > MAX_NAME) throw corrupt(`a name of ${nameSize} bytes`);
    const nameBytes = await reader.take(nameSize + padding(HEADER_SIZE + nameSize));
    if (nameBytes === undefined) throw corrupt('ends within a name');
    const name = decodeFileName(nameBytes.subarray(0, nameSize - 1));
    if (name === TRAILER) return;
    let left = size;
    const content = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of reader.stream(left)) {
        left -= chunk.length;
        yield chunk;
      }
      if (left > 0) throw corrupt(`ends within '${name}'`);
    };
    yield { name, mode: field(text, FIELD.mode), size, content };
    if (!(await reader.skip(left + padding(size)))) throw corrupt(`ends within '${name}'`);
  }
}

function padding(length: number): number {
  return (ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT;
}

function field(header: string, offset: number): number {
  const digits = header.slice(offset, offset + 8);
  if (!/^[0-9a-fA-F]{8}$/.test(digits)) throw corrupt(`'${digits}' is no number`);
  return Number.parseInt(digits, 16);
}

function corrupt(reason: string): CorruptImageError {
  return new CorruptImageError({ structure: 'cpio_newc', reason, citation: 'cpio(5)' });
}
