import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { requireTools } from '../../../testkit/src/tools.js';
import type { CompressionType, HashAlgorithm } from '../../src/contracts/index.js';
import { NodePlatform } from '../../src/runtime/index.js';

const platform = new NodePlatform();
const folder = mkdtempSync(join(tmpdir(), 'vmcraft-platform-'));
afterAll(() => rmSync(folder, { recursive: true }));

const payload = Buffer.concat([randomBytes(300_000), Buffer.alloc(2_000_000, 'abc')]);

async function* chunks(data: Uint8Array, size = 7001): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

async function gather(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of source) parts.push(chunk.slice());
  return Buffer.concat(parts);
}

const PROGRAMS: readonly (readonly [CompressionType, string])[] = [
  ['gzip', 'gzip'],
  ['bzip2', 'bzip2'],
  ['xz', 'xz'],
  ['zstd', 'zstd'],
];

describe('compression', () => {
  for (const [type, program] of PROGRAMS) {
    describe.runIf(requireTools(program))(type, () => {
      const pack = (data: Uint8Array): Buffer => execFileSync(program, ['-c'], { input: data, maxBuffer: 1 << 26 });

      it('is undone, as one stream and as several in a row', async () => {
        const packed = pack(payload);
        expect((await gather(platform.decompress(type, chunks(packed)))).equals(payload)).toBe(true);
        const twice = Buffer.concat([packed, pack(Buffer.from('tail'))]);
        const both = await gather(platform.decompress(type, chunks(twice)));
        expect(both.equals(Buffer.concat([payload, Buffer.from('tail')]))).toBe(true);
      });

      it('ends with an error of ours when the stream is cut or damaged', async () => {
        const packed = pack(payload);
        const damaged = Buffer.from(packed);
        damaged[20] = damaged[20]! ^ 0xff;
        damaged[150_000] = damaged[150_000]! ^ 0xff;
        for (const bad of [packed.subarray(0, packed.length >> 1), damaged, Buffer.from('no such stream at all')]) {
          const length = gather(platform.decompress(type, chunks(bad))).then((all) => all.length);
          await expect(length).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
        }
      });

      it('stops when the reader does', async () => {
        const packed = pack(payload);
        for await (const chunk of platform.decompress(type, chunks(packed))) {
          expect(chunk.length).toBeGreaterThan(0);
          break;
        }
      });

      it('stops when the reader does, wherever the stream is then, and again and again', async () => {
        for (const length of [0, 1, 60_000, 70_000, 140_000, payload.length]) {
          const packed = pack(payload.subarray(0, length));
          for (const wait of [false, true]) {
            for (const source of [chunks(packed), Readable.from([packed])]) {
              for await (const _ of platform.decompress(type, source)) {
                if (wait) await new Promise((done) => setTimeout(done, 2));
                break;
              }
            }
          }
          expect((await gather(platform.decompress(type, chunks(packed)))).length).toBe(length);
        }
      });

      it('is made where this host can, and refused where it cannot', async () => {
        if (platform.compression(type).compress) {
          const packed = await gather(platform.compress(type, chunks(payload), 3));
          expect(execFileSync(program, ['-dc'], { input: packed, maxBuffer: 1 << 26 }).equals(payload)).toBe(true);
        } else {
          expect(() => platform.compress(type, chunks(payload))).toThrow(
            expect.objectContaining({ code: 'VMC_NO_CAPABILITY' }),
          );
          expect(platform.compression(type).reason).toMatch(/./);
        }
      });
    });
  }

  it('passes errors of the source on', async () => {
    const failing = (async function* () {
      yield Uint8Array.of(0x1f, 0x8b);
      throw new RangeError('the source broke');
    })();
    await expect(gather(platform.decompress('gzip', failing))).rejects.toThrow('the source broke');
  });
});

describe.runIf(requireTools('cksum', 'md5sum', 'sha512sum'))('checksums', () => {
  const PRINTED: readonly (readonly [HashAlgorithm, string])[] = [
    ['crc', 'cksum'],
    ['md5', 'md5sum'],
    ['sha1', 'sha1sum'],
    ['sha224', 'sha224sum'],
    ['sha256', 'sha256sum'],
    ['sha384', 'sha384sum'],
    ['sha512', 'sha512sum'],
  ];

  it.each(PRINTED)('%s is what %s prints', async (algorithm, program) => {
    for (const data of [Buffer.alloc(0), Buffer.from('a'), payload]) {
      const hasher = platform.hash(algorithm);
      for await (const chunk of chunks(data)) hasher.update(chunk);
      const printed = execFileSync(program, [], { input: data, encoding: 'utf8' }).split(' ')[0];
      expect(hasher.digest()).toBe(printed);
    }
  });
});

describe('host files', () => {
  it('are written, and removed again when the work fails', async () => {
    const path = join(folder, 'out');
    const sink = await platform.create(path);
    await sink.write(Uint8Array.of(1, 2));
    await sink.write(Uint8Array.of(3));
    await sink.close?.();
    expect([...readFileSync(path)]).toEqual([1, 2, 3]);
    expect([...(await gather(platform.read(path)))]).toEqual([1, 2, 3]);
    const failed = await platform.create(join(folder, 'half'));
    await failed.write(Uint8Array.of(1));
    await failed.abort?.(new Error('x'));
    expect(await platform.tree.lstat(join(folder, 'half'))).toBeUndefined();
  });

  it('go through no link when they must be new', async () => {
    writeFileSync(join(folder, 'victim'), 'untouched');
    symlinkSync('victim', join(folder, 'trap'));
    symlinkSync('not-there', join(folder, 'dangling'));
    for (const name of ['trap', 'dangling', 'victim']) {
      await expect(platform.create(join(folder, name), { exclusive: true })).rejects.toMatchObject({
        code: 'VMC_HOST',
        data: { errno: 'EEXIST' },
      });
    }
    expect(readFileSync(join(folder, 'victim'), 'utf8')).toBe('untouched');
    expect((await platform.tree.lstat(join(folder, 'trap')))?.kind).toBe('symlink');
    expect(() => platform.tree.join(folder, '../x')).toThrow('not a file name');
  });

  it('end with errors that name the path', async () => {
    await expect(gather(platform.read(join(folder, 'none')))).rejects.toMatchObject({
      code: 'VMC_HOST',
      data: { errno: 'ENOENT' },
    });
    await expect(platform.create(join(folder, 'no', 'such'))).rejects.toThrow(join(folder, 'no', 'such'));
    await expect(platform.tree.list(join(folder, 'none'))).rejects.toMatchObject({ code: 'VMC_HOST' });
  });
});
