import { describe, expect, it } from 'vitest';
import {
  createHive,
  type HiveSource,
  type HiveTarget,
  type MemoryHive,
  memorySource,
  openHive,
  RegistryType,
  walkKeys,
} from '../src/index.js';
import { problems } from './integrity.js';
import { blocks, committed } from './support.js';

const at = (seconds: number) => () => new Date(1_600_000_000_000 + seconds * 1000);

describe('an empty hive', () => {
  it.each([3, 4, 5, 6] as const)('of version 1.%i', async (minorVersion) => {
    const hive = await createHive({ minorVersion, rootName: 'CMI-CreateHive', fileName: 'x'.repeat(40), now: at(0) });
    expect(hive.version).toEqual({ major: 1, minor: minorVersion });
    expect(hive.fileName).toBe('x'.repeat(31));
    expect(hive.root.name).toBe('CMI-CreateHive');
    expect(hive.lastWritten).toEqual(at(0)());
    expect(await hive.root.subkeyNames()).toEqual([]);
    expect(await hive.root.parent()).toBeUndefined();
    expect(await problems(hive)).toEqual([]);
  });
});

describe('opening', () => {
  it.each([
    ['nothing', new Uint8Array(0), 'VMC_TRUNCATED'],
    ['zeros', new Uint8Array(8192), 'VMC_CORRUPT'],
    ['text', new Uint8Array(8192).fill(0x20), 'VMC_CORRUPT'],
  ] as const)('%s is a clear error', async (_name, bytes, code) => {
    await expect(openHive(memorySource(bytes))).rejects.toMatchObject({ code });
  });

  it('a version before 1.3 is refused', async () => {
    const { sealBaseBlock } = await import('../src/base-block.js');
    const bytes = await (await createHive()).bytes();
    new DataView(bytes.buffer).setUint32(24, 2, true);
    sealBaseBlock(bytes);
    await expect(openHive(memorySource(bytes))).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED' });
  });

  it('to write needs a target', async () => {
    const bytes = await (await createHive()).bytes();
    const source: HiveSource = {
      size: bytes.length,
      read: async (from, length) => bytes.subarray(from, from + length),
    };
    await expect(openHive(source, { writable: true })).rejects.toMatchObject({ code: 'VMC_USAGE' });
  });
});

describe('keys', () => {
  it('are found whatever their case, and keep their spelling', async () => {
    const hive = await createHive();
    await hive.root.createKey('ControlSet001\\Services\\Tcpip');
    const key = await hive.key('\\controlset001\\SERVICES\\');
    expect(key?.name).toBe('Services');
    expect((await key?.createSubkey('TCPIP'))?.name).toBe('Tcpip');
    expect(await hive.key('ControlSet001\\None')).toBeUndefined();
    expect((await hive.keyAt(key!.handle)).name).toBe('Services');
    expect((await (await key!.parent())!.parent())?.handle).toBe(hive.root.handle);
  });

  it('have times, class names and descriptors', async () => {
    let now = 0;
    const hive = await createHive({ now: () => at(now)() });
    const key = await hive.root.createSubkey('Key');
    now = 10;
    await key.setClassName('Class ÿя');
    expect(key.lastWritten).toEqual(at(10)());
    expect(await key.className()).toBe('Class ÿя');
    await key.setLastWrittenTime(0n);
    expect(key.lastWritten).toBeUndefined();
    await key.setSecurity('O:BAG:SYD:P(A;OICI;KA;;;BA)(D;;0x1234;;;S-1-5-21-1-2-3-1000)');
    expect(await key.securitySddl()).toBe('O:BAG:SYD:P(A;OICI;KA;;;BA)(D;;0x1234;;;S-1-5-21-1-2-3-1000)');
    await key.setClassName(undefined);
    expect(await key.className()).toBeUndefined();
    await committed(hive);
    expect(await problems(hive)).toEqual([]);
  });

  it('keep their handles through renames, and lose them when deleted', async () => {
    const hive = await createHive();
    const key = await hive.root.createKey('a\\b');
    const same = (await hive.key('a'))!;
    await same.rename('a much longer name than the one it had');
    expect(await (await key.parent())!.subkeyNames()).toEqual(['b']);
    const again = (await hive.key('A MUCH longer name than the one it had'))!;
    await again.rename('x');
    expect(same.name).toBe('x');
    await expect(key.rename('')).rejects.toMatchObject({ code: 'VMC_USAGE' });
    await expect(key.rename('with\\backslash')).rejects.toMatchObject({ code: 'VMC_USAGE' });
    await hive.root.createSubkey('y');
    await expect(same.rename('Y')).rejects.toMatchObject({ code: 'EEXIST' });
    await same.delete();
    await hive.root.createKey('other\\b');
    await expect(key.setValue('v', 'REG_SZ', 'x')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(hive.root.delete()).rejects.toMatchObject({ code: 'EPERM' });
    expect(await hive.root.deleteSubkey('x')).toBe(false);
    await committed(hive);
    expect(await problems(hive)).toEqual([]);
  });

  it('cannot be changed in a hive opened for reading', async () => {
    const hive = await openHive(memorySource(await (await createHive()).bytes()));
    await expect(hive.root.createSubkey('x')).rejects.toMatchObject({ code: 'VMC_READ_ONLY' });
    await expect(hive.root.setValue('x', 'REG_SZ', '')).rejects.toMatchObject({ code: 'VMC_READ_ONLY' });
    await expect(hive.root.delete()).rejects.toMatchObject({ code: 'VMC_READ_ONLY' });
  });

  it('as handles: what is no key is a clear error', async () => {
    const hive = await createHive();
    await hive.root.setValue('v', 'REG_SZ', 'a long text');
    const value = (await hive.root.value('v'))!;
    expect((await hive.valueAt(value.handle)).data).toBe('a long text');
    await expect(hive.keyAt(value.handle)).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
    await expect(hive.valueAt(hive.root.handle)).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
    for (const handle of [-1, 0, 4097, 1e9 + 4096, Number.NaN]) {
      await expect(async () => hive.keyAt(handle)).rejects.toMatchObject({ code: expect.stringMatching(/^VMC_/) });
    }
  });

  it('thousands below one key', async () => {
    const hive = await createHive();
    const names = Array.from({ length: 3000 }, (_, i) => `Key ${(i * 7919) % 3000}`);
    for (const name of names) await hive.root.createSubkey(name);
    const sorted = names.map((name) => name.toUpperCase()).sort();
    expect((await hive.root.subkeyNames()).map((name) => name.toUpperCase())).toEqual(sorted);
    for (const name of names.slice(0, 2900)) expect(await hive.root.deleteSubkey(name)).toBe(true);
    expect(await hive.root.subkeyCount()).toBe(100);
    await committed(hive);
    expect(await problems(hive)).toEqual([]);
  });
});

describe('transactions', () => {
  it('go back to what was', async () => {
    const hive = await createHive();
    const key = await hive.root.createKey('a\\b');
    await key.setValue('v', 'REG_BINARY', new Uint8Array(100));
    await hive.commit();
    const before = await hive.bytes();
    const failing = hive.transaction(async () => {
      await hive.root.deleteSubkey('a');
      for (let i = 0; i < 300; i++) await hive.root.createKey(`new ${i}\\below`);
      await hive.root.setValue('long', 'REG_BINARY', new Uint8Array(100_000));
      await expect(hive.commit()).rejects.toMatchObject({ code: 'VMC_USAGE' });
      throw new Error('stop');
    });
    await expect(failing).rejects.toThrow('stop');
    expect(Buffer.compare(await hive.bytes(), before)).toBe(0);
    expect(hive.isDirty).toBe(false);
    expect((await key.value('v'))?.raw.length).toBe(100);
    await hive.root.createSubkey('after');
    await committed(hive);
    expect(await problems(hive)).toEqual([]);
  });
});

describe('commit', () => {
  it('writes what changed, and nothing else', async () => {
    const hive = await createHive();
    for (let i = 0; i < 500; i++)
      await (await hive.root.createSubkey(`Key ${i}`)).setValue('v', 'REG_SZ', 'x'.repeat(100));
    const bytes = await committed(hive);
    const source = memorySource(bytes.slice());
    const again = await openHive(source, { writable: true });
    expect((await again.commit()).ranges).toEqual([]);
    await (await again.key('Key 77'))!.setValue('v', RegistryType.REG_SZ, 'y'.repeat(100));
    const { ranges } = await again.commit();
    expect(ranges.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(5 * 4096);
    const after = source.bytes();
    const inRange = (offset: number) =>
      ranges.some((range) => offset >= range.offset && offset < range.offset + range.length);
    for (let offset = 0; offset < after.length; offset++) {
      if (after[offset] !== bytes[offset] && !inRange(offset)) expect.unreachable(`byte ${offset}`);
    }
    const view = new DataView(after.buffer);
    expect(view.getUint32(4, true)).toBe(new DataView(bytes.buffer).getUint32(4, true) + 1);
    expect(view.getUint32(8, true)).toBe(view.getUint32(4, true));
  });

  it('leaves the hive marked while it writes', async () => {
    const memory = memorySource(await (await createHive()).bytes());
    const seen: boolean[] = [];
    const hive = await openHive(
      spied(memory, () => seen.push(isMarked(memory.bytes()))),
      { writable: true },
    );
    for (let i = 0; i < 3000; i++) await hive.root.createSubkey(`Key ${i}`);
    await hive.commit();
    expect(seen.length).toBeGreaterThan(3);
    expect(seen.slice(0, -1).every((marked) => marked)).toBe(true);
    expect(seen.at(-1)).toBe(false);
    expect((await openHive(memorySource(memory.bytes()))).root.name).toBe('ROOT');
  });

  it('grows a file that has room after its bins', async () => {
    const bytes = await (await createHive()).bytes();
    const source = memorySource(new Uint8Array([...bytes, ...new Uint8Array(20_000).fill(0xaa)]));
    const hive = await openHive(source, { writable: true });
    for (let i = 0; i < 300; i++) await hive.root.createSubkey(`Key ${i}`);
    await hive.commit();
    const again = await openHive(memorySource(source.bytes()));
    expect(await blocks(again.root)).toEqual(await blocks(hive.root));
    expect(await problems(again)).toEqual([]);
  });
});

const isMarked = (bytes: Uint8Array): boolean => {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return view.getUint32(4, true) !== view.getUint32(8, true);
};

/** A target that tells after each write. */
function spied(memory: MemoryHive, tell: () => void): HiveTarget {
  return {
    get size() {
      return memory.size;
    },
    read: (offset, length) => memory.read(offset, length),
    truncate: (size) => memory.truncate(size),
    write: async (offset, data) => {
      await memory.write(offset, data);
      tell();
    },
  };
}

describe('large hives', () => {
  const MIB = 1024 * 1024;

  it('are neither read nor written whole', { timeout: 300_000 }, async () => {
    const hive = await createHive();
    const data = new Uint8Array(MIB).fill(0x5a);
    for (let i = 0; i < 100; i++) await (await hive.root.createSubkey(`Key ${i}`)).setValue('long', 'REG_BINARY', data);
    const memory = memorySource(await committed(hive));
    expect(memory.size).toBeGreaterThan(100 * MIB);
    let [read, written] = [0, 0];
    const source: HiveTarget = {
      get size() {
        return memory.size;
      },
      read: (offset, length) => {
        read += length;
        return memory.read(offset, length).then((bytes) => bytes.slice());
      },
      write: (offset, bytes) => {
        written += bytes.length;
        return memory.write(offset, bytes);
      },
      truncate: (size) => memory.truncate(size),
    };
    const large = await openHive(source, { writable: true, cacheBytes: 4 * MIB });
    const key = (await large.key('key 7'))!;
    expect(await key.valueCount()).toBe(1);
    expect(read).toBeLessThan(2 * MIB);
    await key.setValue('Start', 'REG_DWORD', 3);
    await large.commit();
    expect(read).toBeLessThan(24 * MIB);
    expect(written).toBeLessThan(MIB / 4);
    let values = 0;
    for await (const walked of walkKeys(large.root)) values += walked.values.length;
    expect(values).toBe(101);
  });
});
