import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { imageBackend } from '@vmcraft/backend-image';
import { type BackendContext, type BlockDevice, hasSparseMap, isVmcraftError } from '@vmcraft/core';
import { NodeHostFiles } from '@vmcraft/core/runtime';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';

/** Real images of other projects, with facts that other tools computed. */
const DATA = resolve(import.meta.dirname, '../../../shared/data');

interface Entry {
  readonly name: string;
  readonly file?: string;
  readonly kind: string;
  readonly opts: { readonly expect?: string };
  readonly oracle: {
    readonly guest?: { readonly size: number; readonly sha256?: string; readonly sparse_sha256?: string };
    readonly info?: {
      readonly format: string;
      readonly 'virtual-size': number;
      readonly 'cluster-size'?: number;
      readonly 'format-specific'?: { readonly data: Readonly<Record<string, unknown>> };
    };
  };
}

const manifest = join(DATA, 'manifest.json');
const entries: Entry[] = existsSync(manifest)
  ? (JSON.parse(readFileSync(manifest, 'utf8')) as Entry[]).filter((e) => /^(bad\/)?disk\//.test(e.file ?? ''))
  : [];

/** Above this a whole hash takes too long; the sparse one says the same. */
const WHOLE_HASH_LIMIT = 64 * 1024 * 1024;
const SECTOR = 512;

/** Hash of every sector that is not all zeros, each after its number as a 64-bit little-endian integer. */
async function sparseHash(device: BlockDevice): Promise<string> {
  if (!hasSparseMap(device)) throw new Error('the device has no sparse map');
  const hash = createHash('sha256');
  const number = Buffer.alloc(8);
  for await (const extent of device.extents(0, device.size)) {
    if (extent.kind !== 'data') continue;
    for (let at = extent.offset; at < extent.offset + extent.length; at += 1 << 20) {
      const data = Buffer.from(await device.read(at, Math.min(1 << 20, extent.offset + extent.length - at)));
      for (let s = 0; s < data.length; s += SECTOR) {
        const sector = data.subarray(s, s + SECTOR);
        if (sector.every((byte) => byte === 0)) continue;
        number.writeBigUInt64LE(BigInt((at + s) / SECTOR));
        hash.update(number).update(sector);
      }
    }
  }
  return hash.digest('hex');
}

async function wholeHash(device: BlockDevice): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < device.size; at += 1 << 20)
    hash.update(await device.read(at, Math.min(1 << 20, device.size - at)));
  return hash.digest('hex');
}

describe.runIf(requireTools(`data:${manifest}`))('disk images of the shared data', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-shared-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const context: BackendContext = { files: new NodeHostFiles(), warn: () => {} };

  async function plainFile(entry: Entry): Promise<string> {
    const source = join(DATA, entry.file as string);
    if (!source.endsWith('.gz')) return source;
    const target = join(folder, basename(entry.name));
    await pipeline(createReadStream(source), createGunzip(), createWriteStream(target));
    return target;
  }

  it('lists images', () => expect(entries.length).toBeGreaterThan(10));

  for (const entry of entries) {
    it(entry.name, { timeout: 120_000 }, async () => {
      const path = await plainFile(entry);
      const { guest, info } = entry.oracle;
      const format = await imageBackend.probe({ path, readonly: true }, context);
      if (entry.opts.expect === 'reject' || info === undefined || format === 'parallels') {
        const error = await imageBackend.open({ path, readonly: true }, context).then(
          () => undefined,
          (e: unknown) => e,
        );
        expect(isVmcraftError(error), String(error)).toBe(true);
        return;
      }
      expect(format).toBe(info.format);
      await using session = await imageBackend.open({ path, readonly: true }, context);
      const { details, virtualSize } = session.info;
      expect(virtualSize).toBe(info['virtual-size']);
      if (info['cluster-size'] !== undefined) expect(details['cluster-size']).toBe(info['cluster-size']);
      for (const [key, value] of Object.entries(info['format-specific']?.data ?? {})) {
        if (typeof value !== 'object') expect(details[key], key).toBe(value);
      }
      expect(session.device.size).toBe(guest?.size);
      expect(await sparseHash(session.device)).toBe(guest?.sparse_sha256);
      if (guest?.sha256 !== undefined && guest.size <= WHOLE_HASH_LIMIT) {
        expect(await wholeHash(session.device)).toBe(guest.sha256);
      }
      rmSync(join(folder, basename(entry.name)), { force: true });
    });
  }
});
