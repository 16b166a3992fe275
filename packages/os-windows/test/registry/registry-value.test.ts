import { describe, expect, it } from 'vitest';
import { dataFor, guessType, parseType } from '../../src/registry/registry-value.js';

describe('types of values', () => {
  it.each([
    ['REG_DWORD', 4],
    ['dword', 4],
    ['reg_multi_sz', 7],
    ['expand_sz', 2],
    ['0x1000', 4096],
    ['11', 11],
  ])('%s is %i', (name, type) => {
    expect(parseType(name)).toBe(type);
  });

  it.each(['REG_FOO', '', 'toString', '-1', '0x1ffffffff'])('%s is none', (name) => {
    expect(() => parseType(name)).toThrow('no registry value type');
  });

  it('follow the data', () => {
    expect(['x', 1, 1n, ['x'], Uint8Array.of(1)].map((data) => guessType(data, undefined))).toEqual([1, 4, 11, 7, 3]);
  });
});

describe('data from text', () => {
  it.each([
    [4, '0x10', 16],
    [4, '42', 42],
    [11, '0xffffffffff', 0xffffffffffn],
    [7, 'a\\0b\\0', ['a', 'b']],
    [7, '', []],
    [3, '01 ff', Uint8Array.of(1, 255)],
    [3, '01,ff:02-03', Uint8Array.of(1, 255, 2, 3)],
    [1, '42', '42'],
  ])('of type %i: %s', (type, text, data) => {
    expect(dataFor(type, text)).toEqual(data);
  });

  it.each([
    [4, 'abc'],
    [4, '-1'],
    [3, '0'],
    [3, 'xy'],
  ])('of type %i is not %s', (type, text) => {
    expect(() => dataFor(type, text)).toThrow('is not');
  });
});
