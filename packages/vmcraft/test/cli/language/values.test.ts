import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBoolean } from '../../../src/cli/language/boolean.js';
import { parseInteger, parseSize } from '../../../src/cli/language/number.js';
import { formatStringList, parseStringList } from '../../../src/cli/language/string-list.js';
import { decodePrompt, withoutMarkers } from '../../../src/cli/language/terminal-escapes.js';

describe('a number', () => {
  const int64 = (text: string): number => parseInteger(text, 64, 'cmd: n');
  const factors: [string, number][] = [
    ['k', 2 ** 10],
    ['K', 2 ** 10],
    ['KiB', 2 ** 10],
    ['KB', 1e3],
    ['kB', 1e3],
    ['KD', 1e3],
    ['M', 2 ** 20],
    ['MiB', 2 ** 20],
    ['MB', 1e6],
    ['G', 2 ** 30],
    ['GB', 1e9],
    ['T', 2 ** 40],
    ['TB', 1e12],
    ['P', 2 ** 50],
    ['PB', 1e15],
  ];

  it.each(factors)('takes the suffix %s', (suffix, factor) => {
    expect(int64(`3${suffix}`)).toBe(3 * factor);
    expect(int64(suffix)).toBe(factor);
  });

  it('takes octal and hexadecimal', () => {
    expect(int64('1234')).toBe(1234);
    expect(int64('02322')).toBe(1234);
    expect(int64('0x4d2')).toBe(1234);
    expect(int64('-5')).toBe(-5);
    expect(int64('0')).toBe(0);
  });

  it.each([
    ['10x', 'cmd: n: invalid integer parameter (xstrtoll returned 2)'],
    ['1Mi', 'cmd: n: invalid integer parameter (xstrtoll returned 2)'],
    ['1kb', 'cmd: n: invalid integer parameter (xstrtoll returned 2)'],
    ['1m', 'cmd: n: invalid integer parameter (xstrtoll returned 2)'],
    ['089', 'cmd: n: invalid integer parameter (xstrtoll returned 2)'],
    ['abc', 'cmd: n: invalid integer parameter (xstrtoll returned 4)'],
    ['', 'cmd: n: invalid integer parameter (xstrtoll returned 4)'],
    ['9999999999999999999', 'cmd: n: invalid integer parameter (xstrtoll returned 1)'],
    ['9Y', 'cmd: n: invalid integer parameter (xstrtoll returned 1)'],
  ])('refuses %j', (text, message) => {
    expect(() => int64(text)).toThrow(message);
  });

  it('says when it does not fit', () => {
    expect(() => parseInteger('2G', 32, 'set-memsize: memsize')).toThrow('set-memsize: memsize: integer out of range');
    expect(() => int64('8P')).toThrow('integer out of range');
    expect(parseInteger('-2147483648', 32, 'x')).toBe(-(2 ** 31));
  });

  it('is a size in alloc and -N', () => {
    expect(parseSize('1M')).toBe(2 ** 20);
    expect(() => parseSize('-1')).toThrow('parse_size: invalid integer parameter (xstrtoull returned 4)');
    expect(() => parseSize('1q')).toThrow('parse_size: invalid integer parameter (xstrtoull returned 2)');
  });

  it('reads every safe integer in each radix', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (n) => {
        expect(int64(String(n))).toBe(n);
        expect(int64(`0x${n.toString(16)}`)).toBe(n);
        expect(int64(`0${n.toString(8)}`)).toBe(n);
        expect(int64(`-${n}`)).toBe(n === 0 ? -0 + 0 : -n);
      }),
    );
  });
});

describe('a Boolean', () => {
  it('has many spellings', () => {
    for (const text of ['1', 'true', 'T', 'yes', 'Y', 'ON', 'TRUE']) expect(parseBoolean(text)).toBe(true);
    for (const text of ['0', 'false', 'F', 'no', 'n', 'off']) expect(parseBoolean(text)).toBe(false);
    expect(() => parseBoolean('enable')).toThrow("'enable': invalid boolean value, use 'true' or 'false'");
  });
});

describe('a list', () => {
  // As guestfish 1.48 splits them, from the trace of a function that takes a list.
  it.each([
    ['a b', ['a', 'b']],
    ["a'b c'd e", ['ab cd', 'e']],
    ["'' x", ['', 'x']],
    ["\\'foo\\'", ["'foo'"]],
    ["'foo bar'", ['foo bar']],
    ['', []],
    ['  ', []],
    ['a\tb\nc', ['a', 'b', 'c']],
    ["'a\\'b'", ["a'b"]],
    ['a\\', ['a\\']],
    ["'a'b", ['ab']],
    ["a''b", ['ab']],
    ['a {d,e}f x{1,2}', ['a', '{d,e}f', 'x{1,2}']],
  ])('%j', (text, list) => {
    expect(parseStringList(text)).toEqual(list);
  });

  it('must end its quotes', () => {
    expect(() => parseStringList("'a")).toThrow('Runaway quote in string "\'a"');
  });

  it('gives back what was formatted', () => {
    // A backslash before a quote cannot be written: guestfish has no escape for it.
    const item = fc.string().filter((s) => !s.includes('\\'));
    fc.assert(
      fc.property(fc.array(item), (list) => {
        expect(parseStringList(formatStringList(list))).toEqual(list);
      }),
    );
  });
});

describe('a prompt', () => {
  it('has escapes', () => {
    expect(decodePrompt(String.raw`\[\e[1;30m\]><fs>\[\e[0;30m\] \\ \a\n\r\101\x42\q`)).toBe(
      '\x01\x1b[1;30m\x02><fs>\x01\x1b[0;30m\x02 \\ \x07\n\rAB\\q',
    );
    expect(withoutMarkers('\x01\x1b[1m\x02x')).toBe('\x1b[1mx');
  });
});
