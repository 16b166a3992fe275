import type { ReturnKind } from '@vmcraft/core/guest';
import { describe, expect, it } from 'vitest';
import { humanSize } from '../../../src/cli/output/human-size.js';
import { toJsonValue } from '../../../src/cli/output/json-value.js';
import { printResult } from '../../../src/cli/output/printer.js';
import { ProgressBar } from '../../../src/cli/output/progress-bar.js';
import { formatCsv, formatTable } from '../../../src/cli/output/table.js';

function printed(returns: ReturnKind, value: unknown, action = 'x'): string {
  return [...printResult(action, returns, value)]
    .map((p) => (typeof p === 'string' ? p : Buffer.from(p).toString('latin1')))
    .join('');
}

// The texts are those of guestfish 1.48.
describe('results as text', () => {
  it('prints scalars', () => {
    expect(printed('void', undefined)).toBe('');
    expect(printed('RBool', true)).toBe('true\n');
    expect(printed('RInt64', 67108864)).toBe('67108864\n');
    expect(printed('RString', 'hi there\n')).toBe('hi there\n\n');
    expect(printed('RConstOptString', null)).toBe('(null)\n');
    expect(printed('RBufferOut', Uint8Array.of(0x61, 0, 0xff))).toBe('a\0\xff');
  });

  it('prints modes in octal and partition types in hexadecimal', () => {
    expect(printed('RInt', 0o22, 'umask')).toBe('022\n');
    expect(printed('RInt', 0, 'get_umask')).toBe('0\n');
    expect(printed('RInt', 0x83, 'part_get_mbr_id')).toBe('0x83\n');
    expect(printed('RInt', 18)).toBe('18\n');
  });

  it('prints lists and tables', () => {
    expect(printed('RStringList', ['a b', 'c1'])).toBe('a b\nc1\n');
    expect(printed('RStringList', [])).toBe('');
    expect(printed('RHashtable', { '/dev/sda1': 'ext4' })).toBe('/dev/sda1: ext4\n');
  });

  it('prints structures', () => {
    expect(printed({ struct: 'version' }, { major: 1, minor: 48, release: 6, extra: '' })).toBe(
      'major: 1\nminor: 48\nrelease: 6\nextra: \n',
    );
    expect(printed({ structList: 'xattr' }, [{ attrname: 'user.a', attrval: Uint8Array.of(0x31, 0, 0xff) }])).toBe(
      '[0] = {\n  attrname: user.a\n  attrval: 1\\x00\\xff\n}\n',
    );
    expect(
      printed({ structList: 'dirent' }, [
        { ino: 14, ftyp: 'r', name: 'c1' },
        { ino: 2, ftyp: 'd', name: '..' },
      ]),
    ).toBe('[0] = {\n  ino: 14\n  ftyp: r\n  name: c1\n}\n[1] = {\n  ino: 2\n  ftyp: d\n  name: ..\n}\n');
  });
});

describe('results as JSON', () => {
  it('carries everything', () => {
    expect(toJsonValue(undefined)).toBeNull();
    expect(toJsonValue(Buffer.from('ä'))).toBe('ä');
    expect(toJsonValue(Uint8Array.of(0xff))).toEqual({ base64: '/w==' });
    expect(toJsonValue(2n ** 63n)).toBe('9223372036854775808');
    expect(toJsonValue({ a: [1n, new Map([['b', Uint8Array.of(0x41)]])] })).toEqual({ a: [1, { b: 'A' }] });
  });
});

describe('tables and sizes', () => {
  it('aligns columns', () => {
    expect(
      formatTable(
        [{ title: 'Name' }, { title: 'Size', right: true }],
        [
          ['a', '10'],
          ['bbbbb', '5'],
        ],
      ),
    ).toBe('Name   Size\na        10\nbbbbb     5\n');
    expect(formatCsv([['a', 'b,c', 'd"e']])).toBe('a,"b,c","d""e"\n');
  });

  it.each([
    [0, '0'],
    [1023, '1023'],
    [1024, '1.0K'],
    [8388608, '8.0M'],
    [8388609, '8.1M'],
    [48786432, '47M'],
    [1048575, '1.0M'],
    [10737418240, '10G'],
  ])('%d is %s', (bytes, text) => {
    expect(humanSize(bytes)).toBe(text);
  });
});

describe('a progress bar', () => {
  it('appears after a while, is redrawn in place and vanishes', () => {
    const written: string[] = [];
    let now = 0;
    const bar = new ProgressBar({ write: (t) => written.push(t), columns: 41 }, { delayMs: 2000, now: () => now });
    const report = (done: number): void => bar.update({ phase: 'copy', done, total: 100, unit: 'bytes' });
    report(1);
    expect(written).toEqual([]);
    now = 2500;
    report(25);
    expect(written).toEqual(['\r-  25% [######-------------------] 00:08']);
    now = 2510;
    report(26);
    expect(written).toHaveLength(1);
    bar.clear();
    expect(written.at(-1)).toMatch(/^\r +\r$/);
  });
});
