import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { extDriver } from '../src/index.js';
import { DATA, deviceOf, digestOf, expectation, listTree, type ManifestEntry, manifest, unpacked } from './support.js';

interface Expected {
  readonly path: string;
  readonly mode: string;
  readonly uid: number;
  readonly mtime: number;
  readonly ino: number;
  readonly type: string;
  readonly size?: number;
  readonly sha256?: string;
  readonly xattrs?: readonly string[];
}

const runnable = requireTools(`data:${DATA}`);
const entries: ManifestEntry[] = runnable ? manifest('fs/ext/') : [];

describe.runIf(runnable)('real file systems', () => {
  for (const { name, file, oracle } of entries) {
    it(`${name} is what blkid says`, async () => {
      const device = await deviceOf(await unpacked(file), false);
      const found = await extDriver().probe(device);
      expect(found).toMatchObject({ type: oracle.blkid!.TYPE, uuid: oracle.blkid!.UUID });
      expect(found?.label).toBe(oracle.blkid!.LABEL);
      expect(found?.version).toBe(oracle.blkid!.VERSION);
    });

    const list = oracle.lists?.files.file;
    if (list === undefined) continue;
    it(`${name} has the files that other tools see`, async () => {
      const fs = await extDriver().open(await deviceOf(await unpacked(file), false), { readonly: true });
      const found = new Map((await listTree(fs)).map((entry) => [entry.path, entry]));
      const expected = expectation<Expected[]>(list);
      expect(found.size).toBe(expected.length);
      const step = Math.max(1, Math.floor(expected.length / 2000));
      for (const [i, want] of expected.entries()) {
        const have = found.get(want.path);
        expect(have, want.path).toBeDefined();
        expect({ ino: have!.node.ino, mode: have!.mode & 0o7777, uid: have!.uid, mtime: have!.mtime }).toEqual({
          ino: want.ino,
          mode: Number.parseInt(want.mode.slice(2), 8),
          uid: want.uid,
          mtime: want.mtime,
        });
        if (want.size !== undefined) expect(have!.size, want.path).toBe(want.size);
        if (want.sha256 !== undefined && i % step === 0) expect(await digestOf(fs, have!)).toBe(want.sha256);
      }
      await fs.close();
    });
  }
});
