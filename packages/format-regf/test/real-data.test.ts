import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { memorySource, openHive, walkKeys } from '../src/index.js';
import { blocks, DATA, decodeMixed, exportedBlocks, hivexBlocks, loadFile, output, withFile } from './support.js';

interface Entry {
  readonly name: string;
  readonly file: string;
  readonly kind: string;
  readonly oracle: {
    readonly hivexregedit: { readonly file: string; readonly keys: number; readonly values: number };
    readonly reglookup: { readonly keys: number; readonly values: number };
  };
}

const LARGE = 1 << 20;
const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const present = requireTools(`data:${resolve(DATA, 'manifest.json')}`);
const manifest: Entry[] = present ? JSON.parse(readFileSync(resolve(DATA, 'manifest.json'), 'utf8')) : [];
const hives = manifest.filter(({ kind }) => kind === 'hive').map((entry) => [entry.name, entry] as const);

describe.runIf(present && requireTools('xz', 'hivexregedit', 'hivexml', 'reglookup'))(
  'real hives',
  { timeout: 120_000 },
  () => {
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

    it.each(hives)('%s: keys, times and places as hivexml has them', async (_name, entry) => {
      const bytes = loadFile(entry.file);
      const hive = await openHive(memorySource(bytes));
      // It opens its output by name, which a socket does not have.
      const xml = withFile(bytes, (path) => output('sh', '-c', 'hivexml "$1" | cat', 'sh', path));
      const theirs = [
        ...xml.matchAll(/<node (?:name="([^"]*)")?[^>]*>(?:<mtime>([^<]*)<\/mtime>)?.*?file_offset="(\d+)"/gs),
      ];
      const ours: string[] = [];
      for await (const { key } of walkKeys(hive.root, { values: false })) {
        ours.push(`${key.handle} ${key.lastWritten?.toISOString().slice(0, 19) ?? ''} ${escapeXml(key.name)}`);
      }
      const listed = theirs.map(([, name = '', time = '', offset]) => {
        return `${offset} ${time.replace('Z', '')} ${Buffer.from(name, 'latin1').toString('utf8')}`;
      });
      const isTold = (line: string): boolean => !/[^ -~]/.test(line);
      expect(ours.length).toBe(listed.length);
      expect(ours.filter(isTold)).toEqual(listed.filter((_, i) => isTold(ours[i]!)));
    });

    it.each(hives)('%s: values as reglookup counts them', async (_name, entry) => {
      const bytes = loadFile(entry.file);
      const lines = withFile(bytes, (path) => output('reglookup', '-H', path))
        .trimEnd()
        .split('\n');
      const { keys, values } = entry.oracle.reglookup;
      expect(lines.length).toBe(keys + values);
      const dwords = lines
        .filter((line) => /,DWORD,0x/.test(line))
        .map((line) => /,DWORD,0x([0-9A-F]{8}),/.exec(line)?.[1]);
      const ours: string[] = [];
      let [keyCount, valueCount] = [0, 0];
      for await (const walked of walkKeys((await openHive(memorySource(bytes))).root)) {
        keyCount++;
        valueCount += walked.values.length;
        for (const { type, raw, data } of walked.values) {
          if (type === 4 && raw.length === 4) ours.push((data as number).toString(16).toUpperCase().padStart(8, '0'));
        }
      }
      expect([keyCount, valueCount]).toEqual([keys, values]);
      expect(ours.sort()).toEqual(dwords.sort());
    });

    it.each(hives)('%s: what is not touched stays; hivex reads what is', async (_name, entry) => {
      const before = loadFile(entry.file);
      const source = memorySource(before.slice());
      const hive = await openHive(source, { writable: true, warn: () => undefined });
      const key = await hive.root.createKey('VMCraft test\\Ключ');
      await key.setValue('value', 'REG_SZ', 'text');
      await key.setSecurity('O:BAG:SYD:(A;;KA;;;BA)');
      const { ranges } = await hive.commit();
      expect(ranges.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(20 * 4096);
      let at = 0;
      for (const { offset, length } of [...ranges, { offset: before.length, length: 0 }]) {
        const end = Math.min(offset, before.length);
        expect(Buffer.compare(source.bytes().subarray(at, end), before.subarray(at, end))).toBe(0);
        at = Math.min(offset + length, before.length);
      }
      // hivexregedit takes half a minute for a large hive.
      if (before.length < LARGE) expect(hivexBlocks(source.bytes())).toEqual(await blocks(hive.root));
      const read = withFile(source.bytes(), (path) => output('hivexget', path, 'vmcraft test\\Ключ'));
      expect(read.trim()).toBe('"value"="text"');
      await hive.root.deleteSubkey('vmcraft TEST');
      await hive.commit();
      const original = await openHive(memorySource(before));
      expect(await blocks(hive.root)).toEqual(await blocks(original.root));
    });
  },
);
