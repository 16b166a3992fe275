import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decompressLzx } from '../../src/compression/lzx.js';
import { decompressXpressHuffman } from '../../src/compression/xpress-huffman.js';
import { compressByWimlib, type WimResource } from './wim.js';

/** Plain files of every kind that matters: text, x86 code, noise, runs, edges of a chunk. */
function plainFiles(): Map<string, Uint8Array> {
  const code = readFileSync(process.execPath).subarray(8 << 20, (8 << 20) + 700_001);
  const text = Buffer.from(
    Array.from({ length: 30_000 }, (_, i) => `line ${i} of ${(i * 7919) % 1013} words\n`).join(''),
  );
  const skewed = Buffer.from(
    Array.from({ length: 200_000 }, (_, i) => Math.floor(Math.log2(1 + ((i * i * 31) % 65521)))),
  );
  const mixed = Buffer.concat([
    text.subarray(0, 20_000),
    randomBytes(20_000),
    Buffer.alloc(50_000),
    code.subarray(0, 9_999),
  ]);
  return new Map<string, Uint8Array>([
    ['code', code],
    ['text', text],
    ['skewed', skewed],
    ['mixed', mixed],
    ['zeros', Buffer.alloc(100_003)],
    ['noise', randomBytes(70_000)],
    ['exact', text.subarray(0, 65_536)],
    ['one-more', text.subarray(1, 32_770)],
    ['small', text.subarray(0, 300)],
    ['tiny', Buffer.from('e8')],
  ]);
}

const DECODERS = { XPRESS: decompressXpressHuffman, LZX: decompressLzx };

/** Decompress a resource chunk by chunk: its table has the offset of every chunk but the first. */
function expand(
  resource: WimResource,
  chunkSize: number,
  decode: (from: Uint8Array, to: Uint8Array) => void,
): Uint8Array {
  if (!resource.isCompressed) return resource.stored;
  const target = new Uint8Array(resource.size);
  const chunks = Math.ceil(resource.size / chunkSize);
  const data = resource.stored.subarray((chunks - 1) * 4);
  const table = new DataView(resource.stored.buffer, 0, (chunks - 1) * 4);
  const startOf = (i: number) => (i === 0 ? 0 : i === chunks ? data.length : table.getUint32((i - 1) * 4, true));
  for (let i = 0; i < chunks; i++) {
    const stored = data.subarray(startOf(i), startOf(i + 1));
    const plain = target.subarray(i * chunkSize, (i + 1) * chunkSize);
    if (stored.length === plain.length) plain.set(stored);
    else decode(stored, plain);
  }
  return target;
}

describe.runIf(requireTools('wimlib-imagex'))('what wimlib compresses', () => {
  let folder: string;
  const plain = plainFiles();
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-wim-'));
    mkdirSync(join(folder, 'in'));
    for (const [name, data] of plain) writeFileSync(join(folder, 'in', name), data);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['XPRESS', 4096],
    ['XPRESS', 8192],
    ['XPRESS', 16384],
    ['XPRESS', 65536],
    ['LZX', 32768],
  ] as const)('%s with chunks of %i bytes', (type, chunkSize) => {
    const resources = compressByWimlib(join(folder, 'in'), folder, type, chunkSize);
    let compressed = 0;
    for (const [name, data] of plain) {
      const resource = resources.get(createHash('sha1').update(data).digest('hex'));
      expect(resource, name).toBeDefined();
      if (resource === undefined) continue;
      const result = expand(resource, chunkSize, DECODERS[type]);
      expect(Buffer.compare(result, data), name).toBe(0);
      if (resource.isCompressed) compressed++;
    }
    expect(compressed).toBeGreaterThanOrEqual(7);
  });
});
