import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CommandLine, parseCommandLine } from '../../../src/cli/language/command-line.js';
import { ShellError, syntaxError } from '../../../src/cli/language/shell-error.js';

const homes: Record<string, string> = { '': '/home/me', root: '/root' };
const parse = (line: string): CommandLine => parseCommandLine(line, (user) => homes[user]);
const words = (line: string): readonly string[] => {
  const parsed = parse(line);
  if (parsed.kind !== 'command') throw new Error(`not a command: ${line}`);
  return [parsed.name, ...parsed.words];
};

// Expected values were read off guestfish 1.48.
describe('a command line', () => {
  it('splits at blanks, and only quotes at the start of a word quote', () => {
    expect(words('echo a b   c\t d ')).toEqual(['echo', 'a', 'b', 'c', 'd']);
    expect(words('echo a"b c"d')).toEqual(['echo', 'a"b', 'c"d']);
    expect(words('echo "a b" \'c  d\' ""')).toEqual(['echo', 'a b', 'c  d', '']);
    expect(words('echo a\\nb a\\ b')).toEqual(['echo', 'a\\nb', 'a\\', 'b']);
    expect(words('"echo" a')).toEqual(['"echo"', 'a']);
    expect(words('echo a\r')).toEqual(['echo', 'a']);
  });

  it('has the escapes of double quotes', () => {
    expect(words(String.raw`echo "a\nb\tc\x41\101\\\"q\'\?"`)).toEqual(['echo', 'a\nb\tcAA\\"q\'?']);
    expect(words(String.raw`echo 'a\nb'`)).toEqual(['echo', 'a\\nb']);
    // A byte that is not UTF-8 keeps its value.
    expect(words(String.raw`echo "\xff\303\244"`)).toEqual(['echo', '\udcff\u00e4']);
  });

  it.each([
    ['echo "\\q"', 'invalid escape sequence in string (starting at offset 0)'],
    ['echo "ab\\x4"', 'invalid escape sequence in string (starting at offset 2)'],
    ['echo "\\000"', 'invalid escape sequence in string (starting at offset 0)'],
    ['echo "\\400"', 'invalid escape sequence in string (starting at offset 0)'],
    ['echo "a"b', 'command arguments not separated by whitespace'],
    ['echo \'a\'"b"', 'command arguments not separated by whitespace'],
    ['echo "abc', 'unterminated double quote'],
    ["echo 'abc", 'unterminated single quote'],
  ])('refuses %s', (line, message) => {
    expect(() => parse(line)).toThrow(syntaxError(message));
  });

  it('knows comments, blank lines and forgiven commands', () => {
    expect(parse('   # foo')).toEqual({ kind: 'nothing' });
    expect(parse('')).toEqual({ kind: 'nothing' });
    expect(parse('-')).toEqual({ kind: 'nothing' });
    expect(words('echo # foo')).toEqual(['echo', '#', 'foo']);
    expect(parse('- nosuch')).toMatchObject({ kind: 'command', name: 'nosuch', ignoreError: true });
    expect(parse('nosuch')).toMatchObject({ ignoreError: false });
  });

  it('hands lines to the host', () => {
    expect(parse('  !echo hi; exit 3')).toEqual({ kind: 'local', command: 'echo hi; exit 3', ignoreError: false });
    expect(parse('-<! seq 3')).toEqual({ kind: 'inline', command: ' seq 3', ignoreError: true });
  });

  it('pipes at an unquoted bar that begins a word', () => {
    expect(parse('echo a |cat -A')).toMatchObject({ words: ['a'], pipe: 'cat -A' });
    expect(parse('echo a | tr a "|" | cat')).toMatchObject({ words: ['a'], pipe: 'tr a "|" | cat' });
    expect(words('echo a| cat')).toEqual(['echo', 'a|', 'cat']);
    expect(words('echo "|" x')).toEqual(['echo', '|', 'x']);
    expect(parse('| cat')).toMatchObject({ name: '|', words: ['cat'] });
  });

  it('expands home directories of the host', () => {
    expect(words('echo ~ ~/x ~root/y ~nosuch a~ "~"')).toEqual([
      'echo',
      '/home/me',
      '/home/me/x',
      '/root/y',
      '~nosuch',
      'a~',
      '~',
    ]);
  });

  it('gives any text back that is quoted for it', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((s) => !s.includes('\0'));
    const double = (s: string): string =>
      `"${s.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r')}"`;
    fc.assert(
      fc.property(fc.array(text), (list) => {
        expect(words(['echo', ...list.map(double)].join(' '))).toEqual(['echo', ...list]);
      }),
    );
    const single = text.filter((s) => !s.includes("'"));
    fc.assert(
      fc.property(fc.array(single), (list) => {
        expect(words(['echo', ...list.map((s) => `'${s}'`), 'end'].join(' '))).toEqual(['echo', ...list, 'end']);
      }),
    );
  });

  it('parses any line or says what is wrong with it', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', ' ', '"', "'", '\\', '|', 'x', '4', '~', '-', '!', '<', '#', '\t') }),
        (line) => {
          try {
            expect(['nothing', 'local', 'inline', 'command']).toContain(parse(line).kind);
          } catch (error) {
            expect(error).toBeInstanceOf(ShellError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
