import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { isVmcraftError } from '@vmcraft/core/errors';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { fatDriver } from '../src/index.js';
import { contents, DATA, loadImage, walk } from './support.js';

interface Listed {
  readonly path: string;
  readonly type: 'f' | 'd';
  readonly mode: string;
  readonly mtime: number;
  readonly size?: number;
  readonly sha256?: string;
}
interface Entry {
  readonly name: string;
  readonly file: string;
  readonly kind: string;
  readonly size: number;
  readonly oracle: {
    readonly blkid: Readonly<Record<string, string>>;
    readonly lists?: { readonly files: { readonly file: string } };
  };
}

const present = requireTools(`data:${resolve(DATA, 'manifest.json')}`);
const manifest: Entry[] = present ? JSON.parse(readFileSync(resolve(DATA, 'manifest.json'), 'utf8')) : [];
const good = manifest.filter((e) => /^fs\/(ex)?fat\//.test(e.name));
const bad = manifest.filter((e) => /^bad\/(ex)?fat\//.test(e.name));

function listing(file: string): Listed[] {
  const raw = readFileSync(resolve(DATA, file));
  return JSON.parse((file.endsWith('.gz') ? gunzipSync(raw) : raw).toString('utf8'));
}

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

describe.runIf(present)('real images', () => {
  it('has images to look at', () => {
    expect(good.length).toBeGreaterThanOrEqual(8);
    expect(bad.length).toBeGreaterThanOrEqual(4);
  });

  it.each(good.map((e) => [e.name, e] as const))('%s: type, label and serial number as blkid', async (_name, entry) => {
    const found = await fatDriver.probe(loadImage(entry.file));
    const { TYPE, LABEL, UUID, VERSION } = entry.oracle.blkid;
    expect(found?.type).toBe(TYPE);
    expect(found?.label).toBe(LABEL);
    expect(found?.uuid).toBe(UUID);
    expect(found?.version).toBe(VERSION);
  });

  it.each(good.map((e) => [e.name, e] as const))('%s: the tree that the kernel shows', async (_name, entry) => {
    const device = loadImage(entry.file);
    const before = sha256(await device.read(0, device.size));
    const fs = await fatDriver.open(device, { readonly: true });
    const found: Listed[] = [];
    for (const [path, node] of await walk(fs)) {
      const stat = await fs.stat(node);
      const type = (stat.mode & 0o170000) === 0o040000 ? 'd' : 'f';
      const mode = `0o${(stat.mode & 0o7777).toString(8)}`;
      const item = { path, type, mode, mtime: stat.mtime.sec } as const;
      if (type === 'd') found.push(item);
      else found.push({ ...item, size: stat.size, sha256: sha256(await contents(fs, node)) });
    }
    await fs.close();
    const byPath = (a: Listed, b: Listed): number => (a.path < b.path ? -1 : 1);
    expect(found.sort(byPath)).toEqual(listing(entry.oracle.lists!.files.file).sort(byPath));
    expect(sha256(await device.read(0, device.size))).toBe(before);
  });

  it.each(bad.map((e) => [e.name, e] as const))('%s: a tree or a typed error, and an end', async (_name, entry) => {
    const device = loadImage(entry.file);
    let outcome: unknown;
    try {
      const fs = await fatDriver.open(device, { readonly: true });
      for (const node of (await walk(fs)).values()) {
        if (((await fs.stat(node)).mode & 0o170000) === 0o100000) await contents(fs, node);
      }
      outcome = 'read';
    } catch (error) {
      outcome = error;
    }
    expect(outcome === 'read' || isVmcraftError(outcome)).toBe(true);
    // fsck.fat finds nothing wrong with this one either.
    expect((await fatDriver.check!(device)).clean).toBe(entry.name === 'bad/fat/fat_noloop.raw');
  });
});
