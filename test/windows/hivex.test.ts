import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { LOOK_ALIKE_NEEDS, lookAlike, scratchDisk } from './look-alike/build.js';

const SYSTEM = '/Windows/System32/config/SYSTEM';
let folder: string;
let disk: string;

describe.runIf(requireTools(...LOOK_ALIKE_NEEDS, 'hivexregedit'))('hivex functions', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-hivex-'));
    disk = scratchDisk(await lookAlike('win2k12r2'), folder);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const exported = async (g: GuestFS, path: string, key: string): Promise<string> => {
    await g.download(path, join(folder, 'hive'));
    return execFileSync('hivexregedit', ['--export', join(folder, 'hive'), key], { encoding: 'utf8' });
  };
  const open = async (): Promise<GuestFS> => {
    const g = await GuestFS.open(disk);
    await g.mountRoot();
    return g;
  };

  it('walk a hive by number', async () => {
    await using g = await open();
    await g.hivexOpen(SYSTEM);
    const root = await g.hivexRoot();
    expect(root).toBe(4096 + 0x20);
    expect((await g.hivexNodeChildren(root)).length).toBeGreaterThan(4);
    const select = await g.hivexNodeGetChild(root, 'select');
    expect(await g.hivexNodeName(select)).toBe('Select');
    expect(await g.hivexNodeParent(select)).toBe(root);
    const value = await g.hivexNodeGetValue(select, 'CURRENT');
    expect(await g.hivexValueKey(value)).toBe('Current');
    expect(await g.hivexValueType(value)).toBe(4);
    expect(await g.hivexValueValue(value)).toEqual(Uint8Array.of(2, 0, 0, 0));
    expect(await g.hivexNodeValues(select)).toContainEqual({ hivex_value_h: value });
    expect(await g.hivexNodeGetChild(root, 'nothing')).toBe(0);
    expect(await g.hivexNodeGetValue(select, 'nothing')).toBe(0);
    const setup = await g.hivexNodeGetChild(root, 'Setup');
    expect(await g.hivexValueString(await g.hivexNodeGetValue(setup, 'WorkingDirectory'))).toBe('C:\\Windows\\Panther');
    expect(await g.hivexValueUtf8(await g.hivexNodeGetValue(setup, 'WorkingDirectory'))).toBe('C:\\Windows\\Panther');
    await g.hivexClose();
  });

  it('refuse what hivex refuses', async () => {
    await using g = await open();
    await expect(g.hivexRoot()).rejects.toThrow("you must call 'hivex-open' first");
    await expect(g.hivexClose()).rejects.toThrow("you must call 'hivex-open' first");
    await expect(g.hivexOpen('/Windows/win.ini')).rejects.toThrow();
    await expect(g.hivexOpen('/nothing')).rejects.toThrow('No such file');
    await g.hivexOpen('C:\\windows\\system32\\config\\system');
    const root = await g.hivexRoot();
    await expect(g.hivexNodeParent(root)).rejects.toThrow('no parent');
    await expect(g.hivexNodeName(12345)).rejects.toThrow();
    await expect(g.hivexNodeAddChild(root, 'x')).rejects.toThrow('write:true');
    await expect(g.hivexCommit(null)).rejects.toThrow('write:true');
    const select = await g.hivexNodeGetChild(root, 'Select');
    await expect(g.hivexValueString(await g.hivexNodeGetValue(select, 'Current'))).rejects.toThrow('no text');
    expect(await g.available(['hivex'])).toBeUndefined();
  });

  it('change a hive in place, or into another file', async () => {
    await GuestFS.with(disk, async (g) => {
      await g.mountRoot();
      await g.hivexOpen(SYSTEM, { write: true });
      const root = await g.hivexRoot();
      const added = await g.hivexNodeAddChild(root, 'Added');
      await expect(g.hivexNodeAddChild(root, 'added')).rejects.toThrow('exists');
      await g.hivexNodeSetValue(added, 'text', 1, new Uint8Array(Buffer.from('x\0', 'utf16le')));
      await g.hivexNodeSetValue(added, '', 3, Uint8Array.of(1, 2, 3));
      await g.hivexNodeDeleteChild(await g.hivexNodeGetChild(root, 'Setup'));
      await g.hivexCommit('/copy.hive');
      expect(await exported(g, SYSTEM, '\\Setup')).toContain('CmdLine');
      expect(await exported(g, '/copy.hive', '\\Added')).toContain('@=hex(3):01,02,03');
      await g.hivexCommit(null);
      await g.hivexClose();
    });
    await using g = await open();
    const text = await exported(g, SYSTEM, '\\');
    expect(text).toContain('[\\Added]\n@=hex(3):01,02,03\n"text"=hex(1):78,00,00,00\n');
    expect(text).not.toContain('[\\Setup]');
  });
});
