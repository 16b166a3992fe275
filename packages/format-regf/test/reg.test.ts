import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import {
  createHive,
  decodeRegFile,
  encodeRegFile,
  exportReg,
  type Hive,
  type HiveKey,
  importReg,
  memorySource,
  openHive,
  parseReg,
} from '../src/index.js';
import { problems } from './integrity.js';
import { RandomEdits } from './model.js';
import { blocks, committed, hivexBlocks, withFile } from './support.js';

const HEAD = 'Windows Registry Editor Version 5.00\r\n\r\n';

async function exported(key: HiveKey, options: Parameters<typeof exportReg>[1] = {}): Promise<string> {
  let text = '';
  for await (const part of exportReg(key, options)) text += part;
  return text;
}

async function sample(): Promise<Hive> {
  const hive = await createHive();
  const key = await hive.root.createKey('Vendor\\Product');
  await key.setValue('', 'REG_SZ', 'default');
  await key.setValue('path "x"', 'REG_SZ', 'C:\\dir\\"file"');
  await key.setValue('lines', 'REG_SZ', 'a\r\nb');
  await key.setValue('number', 'REG_DWORD', 0x1234);
  await key.setValue('odd', 'REG_DWORD', Uint8Array.of(1, 2));
  await key.setValue('big', 'REG_QWORD', 5n);
  await key.setValue('list', 'REG_MULTI_SZ', ['ä', 'b']);
  await key.setValue(
    'bytes',
    'REG_BINARY',
    new Uint8Array(60).map((_, i) => i),
  );
  await key.setValue('none', 'REG_NONE', new Uint8Array(0));
  await key.setValue('strange', 0xffff0012, Uint8Array.of(7));
  return hive;
}

describe('export', () => {
  it('is what regedit writes', async () => {
    const text = await exported((await sample()).root, { prefix: 'HKEY_LOCAL_MACHINE\\SOFTWARE' });
    expect(text).toBe(
      `${HEAD.trimEnd()}\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE]\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Vendor]\r\n\r\n` +
        '[HKEY_LOCAL_MACHINE\\SOFTWARE\\Vendor\\Product]\r\n@="default"\r\n"path \\"x\\""="C:\\\\dir\\\\\\"file\\""\r\n' +
        '"lines"=hex(1):61,00,0d,00,0a,00,62,00,00,00\r\n"number"=dword:00001234\r\n"odd"=hex(4):01,02\r\n' +
        '"big"=hex(b):05,00,00,00,00,00,00,00\r\n"list"=hex(7):e4,00,00,00,62,00,00,00,00,00\r\n' +
        '"bytes"=hex:00,01,02,03,04,05,06,07,08,09,0a,0b,0c,0d,0e,0f,10,11,12,13,14,\\\r\n' +
        '  15,16,17,18,19,1a,1b,1c,1d,1e,1f,20,21,22,23,24,25,26,27,28,29,2a,2b,2c,2d,\\\r\n' +
        '  2e,2f,30,31,32,33,34,35,36,37,38,39,3a,3b\r\n"none"=hex(0):\r\n"strange"=hex(ffff0012):07\r\n',
    );
  });

  it.each([4, 5] as const)('version %i: imported again gives the same', async (version) => {
    const hive = await sample();
    const file = encodeRegFile(await exported(hive.root, { version, prefix: 'HKLM\\X' }), version);
    expect(file[0]).toBe(version === 4 ? 'R'.charCodeAt(0) : 0xff);
    const other = await createHive();
    const done = await importReg(other, decodeRegFile(file), { prefix: 'hklm\\x' });
    expect(done).toEqual({ keysDeleted: 0, valuesSet: 10, valuesDeleted: 0 });
    expect(await blocks(other.root)).toEqual(await blocks(hive.root));
  });

  it('version 4 has no characters outside its code page', async () => {
    const hive = await createHive();
    await hive.root.setValue('v', 'REG_SZ', '字');
    await expect(exported(hive.root, { version: 4 })).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED' });
  });

  it('names that a line cannot hold are refused', async () => {
    const hive = await createHive();
    await hive.root.createSubkey('a\nb');
    await expect(exported(hive.root)).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED' });
  });

  it('random hives come back the same', { timeout: 30_000 }, async () => {
    const hive = await createHive();
    const edits = new RandomEdits(hive, 11);
    for (let i = 0; i < 250; i++) await edits.step();
    const other = await createHive();
    await importReg(other, await exported(hive.root));
    expect(await blocks(other.root)).toEqual(await blocks(hive.root));
    await committed(other);
    expect(await problems(other)).toEqual([]);
  });
});

describe.runIf(requireTools('hivexregedit'))('with hivexregedit', () => {
  it('it merges our export, and we its', async () => {
    const hive = await sample();
    const text = await exported(hive.root, { prefix: 'HKEY_LOCAL_MACHINE\\SOFTWARE' });
    const empty = await committed(await createHive());
    const merged = withFile(empty, (path) => {
      // It wants UTF-8 without a mark.
      writeFileSync(`${path}.reg`, text.replaceAll('\r\n', '\n'));
      execFileSync('hivexregedit', ['--merge', '--prefix', 'HKEY_LOCAL_MACHINE\\SOFTWARE', path, `${path}.reg`]);
      return new Uint8Array(readFileSync(path));
    });
    const theirs = await openHive(memorySource(merged.slice()), { writable: true });
    expect(await blocks(theirs.root)).toEqual(await blocks(hive.root));
    await theirs.root.createKey('Vendor\\Product\\More');
    expect(hivexBlocks(await committed(theirs))).toEqual(await blocks(theirs.root));
    const print = withFile(merged, (path) => execFileSync('hivexregedit', ['--export', path, '\\']));
    const other = await createHive();
    await importReg(other, decodeRegFile(print));
    expect(await blocks(other.root)).toEqual(await blocks(hive.root));
  });
});

describe('import', () => {
  it('merges, and deletes what is marked', async () => {
    const hive = await sample();
    const text = `${HEAD}; a comment
[Vendor\\Product]
"number"=-
"missing"=-
@=-
"path \\"x\\""="new" ; changed
"long"=hex(3):01,02,\\
  03,04,\\
  05
"two
lines"=dword:a

[-Vendor\\None]
[Vendor\\New\\Key] ; made
[-vendor\\NEW]
[Other]
`;
    expect(await importReg(hive, text)).toEqual({ keysDeleted: 1, valuesSet: 3, valuesDeleted: 2 });
    expect(await hive.root.subkeyNames()).toEqual(['Other', 'Vendor']);
    expect(await (await hive.key('Vendor'))!.subkeyNames()).toEqual(['Product']);
    const key = (await hive.key('Vendor\\Product'))!;
    expect((await key.value('path "x"'))?.data).toBe('new');
    expect((await key.value('long'))?.raw).toEqual(Uint8Array.of(1, 2, 3, 4, 5));
    expect((await key.value('two\nlines'))?.data).toBe(10);
    expect(await key.value('')).toBeUndefined();
  });

  it('reads REGEDIT4 in its code page', async () => {
    const text = decodeRegFile(Buffer.from('REGEDIT4\n\n[a\xe4]\n"x"="\x80"\n"y"=hex(7):e4,00,00\n', 'latin1'));
    const hive = await createHive();
    await importReg(hive, text);
    const key = (await hive.key('aä'))!;
    expect((await key.value('x'))?.data).toBe('€');
    expect((await key.value('y'))?.data).toEqual(['ä']);
  });

  it.each([
    ['no header', '[a]\n', 1],
    ['a value before any key', `${HEAD}"a"=dword:1\n`, 3],
    ['an unknown kind', `${HEAD}[a]\n"a"=word:1\n`, 4],
    ['bad bytes', `${HEAD}[a]\n"a"=hex:1,,2\n`, 4],
    ['no equals sign', `${HEAD}[a]\n"a"\n`, 4],
    ['an open quote', `${HEAD}[a]\n"a"="b\n`, undefined],
    ['more on the line', `${HEAD}[a]\n"a"="b" c\n`, 4],
    ['a value of a deleted key', `${HEAD}[-a]\n"a"="b"\n`, 4],
    ['an open bracket', `${HEAD}[a\n`, 3],
    ['a type out of range', `${HEAD}[a]\n"a"=hex(123456789):1\n`, 4],
  ])('%s is an error that names its line', async (_name, text, line) => {
    expect(() => parseReg(text)).toThrow(expect.objectContaining({ code: 'VMC_USAGE' }));
    if (line !== undefined) expect(() => parseReg(text)).toThrow(`line ${line}:`);
    const hive = await sample();
    const before = await hive.bytes();
    await expect(importReg(hive, text)).rejects.toMatchObject({ code: 'VMC_USAGE' });
    expect(Buffer.compare(before, await hive.bytes())).toBe(0);
  });

  it('is all or nothing', async () => {
    const hive = await sample();
    const before = await blocks(hive.root);
    const name = 'x'.repeat(300);
    await expect(importReg(hive, `${HEAD}[New]\n"a"="b"\n[${name}]\n`)).rejects.toMatchObject({ code: 'VMC_USAGE' });
    await expect(importReg(hive, `${HEAD}[New]\n`, { prefix: 'HKLM' })).rejects.toMatchObject({ code: 'VMC_USAGE' });
    expect(await blocks(hive.root)).toEqual(before);
  });
});
