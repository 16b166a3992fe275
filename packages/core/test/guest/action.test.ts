import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { allActions } from '../../src/guest/actions/index.js';
import {
  type ActionMethods,
  ActionTable,
  type AnyAction,
  type ArgKind,
  arg,
  Bool,
  BufferIn,
  camelCase,
  commandName,
  Device,
  defineAction,
  Filename,
  formatMountable,
  GUID,
  Int,
  Int64,
  Mountable,
  OptString,
  Pathname,
  PlainString,
  parseMountable,
  StringList,
} from '../../src/guest/index.js';

const KINDS: readonly ArgKind[] = [
  Pathname,
  Device,
  Mountable,
  PlainString,
  GUID,
  Filename,
  Int,
  Int64,
  Bool,
  BufferIn,
  OptString,
  StringList(Filename),
];
const VALUES: readonly unknown[] = [
  '',
  '/',
  '/etc',
  'etc',
  '/dev/sda',
  'btrfsvol:/dev/sda/x',
  'a\0b',
  'name',
  'a/b',
  'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  0,
  1.5,
  -1,
  2 ** 31,
  2 ** 53,
  Number.NaN,
  true,
  null,
  undefined,
  Uint8Array.of(1),
  [],
  ['a', 'b'],
  ['a', ''],
  {},
];

describe('argument kinds', () => {
  it('check quickly what their schemas check thoroughly', () => {
    for (const kind of KINDS) {
      for (const value of VALUES) {
        const accepted = kind.accepts(value);
        const parsed = kind.schema(z as never).safeParse(value).success;
        expect(`${kind.name} ${JSON.stringify(value)} ${accepted}`).toBe(
          `${kind.name} ${JSON.stringify(value)} ${parsed}`,
        );
      }
    }
  });
});

describe('defineAction', () => {
  const sample = defineAction({
    name: 'do_it_now',
    theme: 'test',
    since: '0.1.0',
    aliases: ['doit'],
    args: [arg('path', Pathname), arg('count', Int)],
    options: { force: Bool },
    returns: { structList: 'dirent' },
    doc: 'x',
    run: (_g, path, count, options) => {
      expectTypeOf(path).toEqualTypeOf<string>();
      expectTypeOf(count).toEqualTypeOf<number>();
      expectTypeOf(options.force).toEqualTypeOf<boolean | undefined>();
      return [];
    },
  });

  it('gives methods their types', () => {
    type Methods = ActionMethods<readonly [typeof sample]>;
    expectTypeOf<Methods['doItNow']>().parameters.toEqualTypeOf<
      [path: string, count: number, options?: { readonly force?: boolean | undefined }]
    >();
    expectTypeOf<Awaited<ReturnType<Methods['doItNow']>>>().toEqualTypeOf<
      { ino: number; ftyp: string; name: string }[]
    >();
    expect([camelCase('do_it_now'), commandName('do_it_now'), camelCase('mke2fs_JL')]).toEqual([
      'doItNow',
      'do-it-now',
      'mke2fsJL',
    ]);
  });

  it('is refused by the table when any of its names is taken', () => {
    const table = new ActionTable(allActions as readonly AnyAction[]);
    table.add('mine', [sample as unknown as AnyAction]);
    expect(table.get('do-it-now')).toBe(table.get('doit'));
    const clash = { ...sample, name: 'other', aliases: ['mkdir-p'] } as unknown as AnyAction;
    expect(() => table.add('third', [clash])).toThrow("action 'other' takes the name 'mkdir-p' of action 'mkdir_p'");
    expect(table.find('other')).toBeUndefined();
  });
});

describe('mountables', () => {
  it('are taken apart and put together', () => {
    expect(parseMountable('/dev/sda1')).toEqual({ device: '/dev/sda1' });
    for (const text of ['btrfsvol:/dev/sda1/home', 'btrfsvol:/dev/sda1/a/b'])
      expect(formatMountable(parseMountable(text))).toBe(text);
    expect(() => parseMountable('btrfsvol:nothing')).toThrow('is not a mountable');
  });
});
