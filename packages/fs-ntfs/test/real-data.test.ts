import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ntfsDriver } from '../src/index.js';
import { at, contents, DATA, loadImage, walk } from './support.js';

interface Listed {
  readonly path: string;
  readonly ino: number;
  readonly type: string;
  readonly mtime: number;
  readonly size?: number;
  readonly sha256?: string;
  readonly error?: string;
}

interface Stream {
  readonly path: string;
  readonly sha256: string;
}

interface Case {
  readonly name: string;
  readonly file: string;
  readonly list: string;
  readonly label: string;
  readonly uuid: string;
  readonly ads: readonly Stream[];
  readonly from?: number;
  readonly length?: number;
}

const manifest = existsSync(resolve(DATA, 'manifest.json'))
  ? (JSON.parse(readFileSync(resolve(DATA, 'manifest.json'), 'utf8')) as ManifestEntry[])
  : [];

interface ManifestEntry {
  readonly name: string;
  readonly file?: string;
  readonly kind: string;
  readonly oracle: {
    readonly blkid?: { readonly TYPE?: string; readonly LABEL: string; readonly UUID: string };
    readonly ads?: readonly Stream[];
    readonly lists?: { readonly files: { readonly file: string } };
  };
}

function cases(): Case[] {
  const out: Case[] = [];
  for (const { name, file, kind, oracle } of manifest) {
    if (kind !== 'fs' || oracle.blkid?.TYPE !== 'ntfs' || file === undefined || oracle.lists === undefined) continue;
    const { LABEL: label, UUID: uuid } = oracle.blkid;
    out.push({ name, file, list: oracle.lists.files.file, label, uuid, ads: oracle.ads ?? [] });
  }
  return out;
}

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

describe.runIf(manifest.length > 0)('volumes that Windows made', () => {
  it('are there', () => expect(cases().length).toBeGreaterThanOrEqual(3));

  it.each(cases())('$name: names, types, sizes, times and contents are those that ntfs-3g sees', async (c) => {
    const device = loadImage(c.file, c.from, c.length);
    expect(await ntfsDriver.probe(device)).toMatchObject({
      type: 'ntfs',
      label: c.label,
      uuid: c.uuid,
      version: '3.1',
    });
    const fs = await ntfsDriver.open(device, { readonly: true, mountOptions: ['show_sys_files'] });
    const found = await walk(fs);
    const expected = JSON.parse(readFileSync(resolve(DATA, c.list), 'utf8')) as Listed[];
    // ntfs-3g lists $MFT nowhere, as its number is 0.
    expect([...found.keys()].filter((path) => path !== '$MFT').sort()).toEqual(expected.map((e) => e.path).sort());
    for (const entry of expected.filter((e) => e.error === undefined)) {
      const node = found.get(entry.path)!;
      const stat = await fs.stat(node);
      const kind = (stat.mode & 0o170000) === 0o040000 ? 'd' : 'f';
      expect({ path: entry.path, ino: stat.ino, type: kind, mtime: stat.mtime.sec }).toEqual({
        path: entry.path,
        ino: entry.ino,
        type: entry.type,
        mtime: entry.mtime,
      });
      if (entry.type !== 'f') continue;
      expect(stat.size, entry.path).toBe(entry.size);
      expect(sha256(await contents(fs, node)), entry.path).toBe(entry.sha256);
    }
  });

  it.each(cases().filter((c) => c.ads.length > 0))('$name: alternate data streams', async (c) => {
    const fs = await ntfsDriver.open(loadImage(c.file), {
      readonly: true,
      mountOptions: ['streams_interface=windows'],
    });
    for (const stream of c.ads) expect(sha256(await contents(fs, await at(fs, stream.path)))).toBe(stream.sha256);
  });
});
