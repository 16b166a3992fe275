import { describe, expect, it } from 'vitest';
import { createHive, type Hive, memorySource, openHive, visitKeys, type WalkedKey, walkKeys } from '../src/index.js';

/** Names, large and small data of keys on several levels; three pages of 64 KiB and more. */
async function filled(): Promise<Hive> {
  const hive = await createHive();
  for (let i = 0; i < 300; i++) {
    const key = await hive.root.createKey(`Group ${i % 7}\\Größe ${i}\\Ω`);
    await key.setValue('', 'REG_SZ', `default ${i}`);
    await key.setValue('λ', 'REG_DWORD', i);
    await key.setValue('empty', 'REG_BINARY', new Uint8Array(0));
    await key.setValue('short', 'REG_BINARY', new Uint8Array([1, 2]));
    await key.setValue('long', 'REG_BINARY', new Uint8Array(i % 50 === 0 ? 20_000 : 900).fill(i));
  }
  await hive.commit();
  return hive;
}

const shown = ({ key, path, values }: WalkedKey): unknown[] => [
  path,
  key.name,
  key.lastWrittenTime,
  values.map(({ cell, name, type, raw }) => [cell, name, type, Buffer.from(raw).toString('hex')]),
];

async function walked(hive: Hive): Promise<unknown[]> {
  const out: unknown[] = [];
  for await (const step of walkKeys(hive.root)) out.push(shown(step));
  return out;
}

describe('a visit of all keys', () => {
  it('gives what a walk gives, in memory, read in pages and writable', async () => {
    const made = await filled();
    const bytes = await made.bytes();
    const paged = { size: bytes.length, read: async (at: number, length: number) => bytes.slice(at, at + length) };
    const expected = await walked(made);
    expect(expected).toHaveLength(1 + 7 + 600);
    for (const hive of [await openHive(memorySource(bytes)), await openHive(paged, { cacheBytes: 0 }), made]) {
      const visited: unknown[] = [];
      await visitKeys(hive.root, (step) => visited.push(shown(step)));
      expect(visited).toEqual(expected);
      expect(await walked(hive)).toEqual(expected);
    }
  });

  it('leaves values out, and ends with what the visitor throws', async () => {
    const hive = await filled();
    let values = 0;
    await visitKeys(hive.root, (step) => (values += step.values.length), { values: false });
    expect(values).toBe(0);
    const stop = (): never => {
      throw new RangeError('enough');
    };
    await expect(visitKeys(hive.root, stop)).rejects.toThrow('enough');
  });

  it('follows keys that are renamed meanwhile, and tells of one that is deleted', async () => {
    const hive = await filled();
    await hive.root.deleteSubkey('Group 6');
    const names: string[] = [];
    for await (const { key, path } of walkKeys(hive.root)) {
      names.push(key.name);
      if (path === 'Group 0') await (await hive.root.subkey('Group 1'))!.rename('A group with a much longer name');
    }
    expect(names).toContain('A group with a much longer name');
    const walk = async (): Promise<void> => {
      for await (const { path } of walkKeys(hive.root)) if (path === 'Group 0') await hive.root.deleteSubkey('Group 5');
    };
    await expect(walk()).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
