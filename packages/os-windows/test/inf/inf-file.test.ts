import { rejectsWith } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { decodeInfText, InfFile } from '../../src/inf/index.js';
import { infOf, sample, sampleBytes } from './samples.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('text of an INF', () => {
  it('is read by its byte-order mark, else as UTF-8, else as ANSI', () => {
    expect(decodeInfText(sampleBytes('viostor.inf')).encoding).toBe('utf-16le');
    expect(decodeInfText(sampleBytes('vioscsi.inf')).encoding).toBe('utf-8');
    expect(decodeInfText(sampleBytes('netkvm.inf')).encoding).toBe('windows-1252');
    expect(decodeInfText(Uint8Array.of(0xfe, 0xff, 0, 0x5b))).toEqual({ text: '[', encoding: 'utf-16be' });
    expect(decodeInfText(Uint8Array.of(0x5b, 0, 0x5d, 0))).toEqual({ text: '[]', encoding: 'utf-16le' });
    expect(decodeInfText(Uint8Array.of(0xef, 0xbb, 0xbf, 0xc3, 0xa4))).toEqual({ text: 'ä', encoding: 'utf-8' });
    expect(decodeInfText(Uint8Array.of(0xe4)).text).toBe('ä');
  });

  it('has a limit', () => {
    expect(() => decodeInfText(new Uint8Array((8 << 20) + 1))).toThrow(/size of an INF/);
  });
});

describe('lines of an INF', () => {
  it('have comments, quotes, continuations and merged sections', () => {
    const inf = infOf(
      '; a comment',
      '[A] ; another',
      'one = 1, "two, ; still two", "say ""hi""" ; end',
      'Two = x, \\',
      '  y, \\',
      '  z',
      'path = "C:\\dir\\"',
      'bare, "line"',
      '[B]',
      'k=v',
      '[a]',
      'later = %10%\\x',
    );
    expect(inf.entries('A').map(({ key, values }) => [key, values])).toEqual([
      ['one', ['1', 'two, ; still two', 'say "hi"']],
      ['Two', ['x', 'y', 'z']],
      ['path', ['C:\\dir\\']],
      [undefined, ['bare', 'line']],
      ['later', ['%10%\\x']],
    ]);
    expect(inf.value('b', 'K')).toBe('v');
    expect(inf.sectionNames).toEqual(['Version', 'A', 'B']);
  });

  it('take strings of the language, then English, then any', () => {
    const text =
      '[Version]\nSignature=$CHICAGO$\n[X]\n%Desc%=%A%%B%, %%, %12%\\f\n[Strings]\nDesc=d\na=plain\nB="b b"\n';
    const localized = `${text}[Strings.0409]\nA=english\n[Strings.0407]\nA=deutsch\n`;
    const values = (language?: number) =>
      InfFile.parse(bytes(localized), language === undefined ? {} : { language }).entries('X')[0];
    expect(values(0x407)).toMatchObject({ key: 'd', rawKey: '%Desc%', values: ['deutschb b', '%', '%12%\\f'] });
    expect(values(0x40c)?.values[0]).toBe('englishb b');
    expect(InfFile.parse(bytes(text)).entries('X')[0]?.values[0]).toBe('plainb b');
    expect(sample('netkvm.inf', { language: 0x407 }).string('Desc')).toBe('Muster-Netzwerkkarte für Gäste');
  });
});

describe('what is no INF', () => {
  it('is refused', () => {
    expect(() => InfFile.parse(bytes('hello'), { name: 'x.inf' })).toThrow(/x\.inf.*Signature/);
    expect(() => InfFile.parse(bytes('[Version]\nSignature="$Windows 95$"'))).toThrow(/Windows 95/);
    expect(() => InfFile.parse(bytes('[Version\nSignature="$Chicago$"'))).toThrow(/without/);
    expect(() => InfFile.parse(new Uint8Array(0))).toThrow(/Signature/);
  });

  it('cannot blow up by its strings', async () => {
    const lines = ['[Strings]', `a="${'x'.repeat(100_000)}"`, '[Bomb]', `k=${'%a%'.repeat(100_000)}`];
    await rejectsWith(async () => infOf(...lines).entries('Bomb'), ['VMC_LIMIT']);
  });
});
