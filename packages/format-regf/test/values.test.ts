import { describe, expect, it } from 'vitest';
import { createHive, decodeData, encodeData, RegistryType, type RegistryTypeName, typeNumber } from '../src/index.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('typed values', () => {
  it.each([
    ['REG_SZ', 'text ü я', undefined],
    ['REG_SZ', '', bytes(0, 0)],
    ['REG_EXPAND_SZ', '%SystemRoot%\\x', undefined],
    ['REG_LINK', '\\Registry\\Machine', undefined],
    ['REG_MULTI_SZ', ['one', 'two'], undefined],
    ['REG_MULTI_SZ', [], bytes(0, 0)],
    ['REG_DWORD', 0xfffffffe, bytes(0xfe, 0xff, 0xff, 0xff)],
    ['REG_DWORD_BIG_ENDIAN', 1, bytes(0, 0, 0, 1)],
    ['REG_QWORD', 2n ** 64n - 1n, new Uint8Array(8).fill(0xff)],
    ['REG_BINARY', bytes(1, 2, 3), bytes(1, 2, 3)],
    ['REG_NONE', bytes(), bytes()],
    ['REG_RESOURCE_LIST', bytes(9), bytes(9)],
  ] as const)('%s, case %#', async (type, data, raw) => {
    const encoded = encodeData(RegistryType[type], data);
    if (raw !== undefined) expect(encoded).toEqual(raw);
    expect(decodeData(RegistryType[type], encoded)).toEqual(data);
    const hive = await createHive();
    await hive.root.setValue('v', type, data);
    const value = (await hive.root.value('V'))!;
    expect(value.data).toEqual(data);
    expect(value.typeName).toBe(type);
  });

  it.each([
    ['REG_SZ', 1],
    ['REG_SZ', 'with\0nul'],
    ['REG_MULTI_SZ', 'text'],
    ['REG_MULTI_SZ', ['']],
    ['REG_DWORD', -1],
    ['REG_DWORD', 2 ** 32],
    ['REG_DWORD', 1.5],
    ['REG_DWORD', 'text'],
    ['REG_QWORD', 2n ** 64n],
    ['REG_QWORD', 0.5],
    ['REG_BINARY', 'text'],
    ['REG_RESOURCE_LIST', 3],
  ] as const)('%s does not take what does not fit, case %#', (type, data) => {
    expect(() => encodeData(RegistryType[type], data)).toThrow(expect.objectContaining({ code: 'VMC_USAGE' }));
  });

  it.each([
    ['REG_DWORD', 3],
    ['REG_DWORD', 8],
    ['REG_DWORD_BIG_ENDIAN', 0],
    ['REG_QWORD', 4],
  ] as const)('%s of %i bytes is no value', (type, length) => {
    expect(() => decodeData(RegistryType[type], new Uint8Array(length))).toThrow(
      expect.objectContaining({ code: 'VMC_CORRUPT' }),
    );
  });

  it('stop at the first NUL, and bear what is not terminated', () => {
    expect(decodeData(1, bytes(0x41, 0, 0, 0, 0x42, 0))).toBe('A');
    expect(decodeData(1, bytes(0x41, 0, 0x42))).toBe('A');
    expect(decodeData(7, bytes(0x41, 0, 0, 0, 0x42, 0))).toEqual(['A', 'B']);
    expect(decodeData(1, bytes(0, 0xd8, 0x41, 0))).toBe('\ud800A');
  });

  it('have types by name or number', () => {
    expect(typeNumber('REG_QWORD')).toBe(11);
    expect(typeNumber(0xffff0001)).toBe(0xffff0001);
    for (const type of ['REG_NOTHING' as RegistryTypeName, -1, 2 ** 32, 0.5]) {
      expect(() => typeNumber(type)).toThrow(expect.objectContaining({ code: 'VMC_USAGE' }));
    }
  });

  it('keep the case of their names, and their places', async () => {
    const hive = await createHive();
    for (const name of ['First', '', 'third', 'Имя']) await hive.root.setValue(name, 'REG_SZ', name);
    await hive.root.setValue('FIRST', 'REG_DWORD', 1);
    expect(await hive.root.deleteValue('THIRD')).toBe(true);
    expect(await hive.root.deleteValue('third')).toBe(false);
    expect((await hive.root.valueList()).map(({ name, type }) => [name, type])).toEqual([
      ['First', 4],
      ['', 1],
      ['Имя', 1],
    ]);
    expect((await hive.root.value(''))?.data).toBe('');
    await expect(hive.root.setValue('x'.repeat(16_384), 'REG_SZ', '')).rejects.toMatchObject({ code: 'VMC_USAGE' });
  });
});
