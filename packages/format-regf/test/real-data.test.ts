import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { memorySource, openHive } from '../src/index.js';
import { blocks, DATA, decodeMixed, exportedBlocks, loadFile, output, withFile } from './support.js';

interface Entry {
  readonly name: string;
  readonly file: string;
  readonly kind: string;
  readonly oracle: {
    readonly hivexregedit: { readonly file: string; readonly keys: number; readonly values: number };
    readonly reglookup: { readonly keys: number; readonly values: number };
  };
}

const present = requireTools(`data:${resolve(DATA, 'manifest.json')}`);
const manifest: Entry[] = present ? JSON.parse(readFileSync(resolve(DATA, 'manifest.json'), 'utf8')) : [];
const hives = manifest.filter(({ kind }) => kind === 'hive').map((entry) => [entry.name, entry] as const);

describe.runIf(present && requireTools('xz', 'hivexregedit', 'hivexml', 'reglookup'))('real hives', () => {
  it('has hives to look at', () => expect(hives.length).toBeGreaterThanOrEqual(9));

  it.each(hives)('%s: as hivexregedit exports it', async (_name, entry) => {
    const hive = await openHive(memorySource(loadFile(entry.file)));
    const { file, keys, values } = entry.oracle.hivexregedit;
    const packed = loadFile(file);
    const text = withFile(packed, (path) => output('xz', '-dc', path));
    const ours = await blocks(hive.root);
    expect(ours.length).toBe(keys);
    expect(ours.reduce((sum, block) => sum + block.split('\n').length - 1, 0)).toBe(values);
    expect(ours).toEqual(exportedBlocks(decodeMixed(text)));
  });
});
