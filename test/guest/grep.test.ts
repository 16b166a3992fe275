import { execFileSync, spawnSync } from 'node:child_process';
import { lineMatcher } from '@vmcraft/core/guest';
import { requireTools } from '@vmcraft/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Numbers of the lines that GNU grep finds; `error` for what it does not take. */
function oracle(pattern: string, lines: readonly string[], options: readonly string[]): number[] | 'error' {
  const { status, stdout } = spawnSync('grep', ['-a', '-n', ...options, '-e', pattern], {
    input: bytes(lines.map((line) => `${line}\n`).join('')),
    env: { ...process.env, LC_ALL: 'C' },
    encoding: 'latin1',
  });
  if (status === 2) return 'error';
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [Number.parseInt(line, 10)]));
}

function ours(pattern: string, lines: readonly string[], options: readonly string[]): number[] | 'error' {
  try {
    const matcher = lineMatcher(Buffer.from(pattern), {
      extended: options.includes('-E'),
      fixed: options.includes('-F'),
      ignoreCase: options.includes('-i'),
    });
    return lines.flatMap((line, i) => (matcher.matches(bytes(line), 0, line.length) ? [i + 1] : []));
  } catch (error) {
    if ((error as { code?: string }).code === 'VMC_USAGE') return 'error';
    throw error;
  }
}

const LINES = [
  ...[
    'a',
    '*a',
    'b',
    'a)',
    'a{x',
    'a*',
    '',
    'ab',
    '^a',
    'a$b',
    '{1}a',
    'aa',
    '+',
    '+a',
    '?',
    'a|b',
    '(',
    '(a)',
    'A',
    'xyzzy',
  ],
  ...[
    'aXbX',
    'foo bar',
    'foo_bar',
    ' foo',
    'foo ',
    '12',
    'a\\b',
    'abab',
    'abcabc',
    '-',
    ']',
    '[a]',
    'a-b',
    'é',
    '\xff',
    'tab\t',
  ],
];

const EXTENDED = [
  ...[
    '*a',
    'a|*b',
    '(*a)',
    '^*a',
    'a{x',
    '{1}a',
    'a)',
    '()',
    'a||b',
    '(',
    '|a',
    '+a',
    'a{1',
    'a{,2}b',
    'a{2,1}',
    'a{1,99999}',
  ],
  ...[
    '[[:foo:]]',
    '[:space:]',
    '[a',
    'a\\',
    '[z-a]',
    '(a)\\2',
    '\\(',
    'a**',
    'a+*',
    'a{1}{2}',
    '^^a',
    'a$$',
    '(^a)',
    '(a$)',
  ],
  ...[
    '\\{',
    'a\\{1\\}',
    '[]a]',
    '[^]a]',
    '[a\\]',
    '\\<a',
    '\\ba',
    '\\w',
    '[[=a=]]',
    '[[.a.]]',
    '[[.space.]]',
    '[a-[.z.]]',
    '\\d',
  ],
  ...[
    'a{,}',
    'a{}',
    '{',
    '}',
    'a^b',
    'a$b',
    '(|a)b',
    'x*',
    '\\1',
    '(a\\1)',
    '[[:alpha:',
    '[a-c-e]',
    '[--/]',
    '[a-]',
    '[%--]',
  ],
  ...[
    'a{1,2',
    '(){2}',
    '{1',
    '{,2}a',
    '^{1}a',
    '(a',
    ')',
    '[[.ab.]]',
    '[[:alpha:]-z]',
    '(a*)*\\1',
    '(a|b)\\1',
    '(ab)\\1',
  ],
  ...[
    '(.)(.)(.)\\1\\2\\3',
    'foo\\b',
    '\\Bfoo',
    'o\\>',
    '\\bfoo\\b',
    '\\W',
    '\\s',
    '\\S',
    '[[:upper:]]',
    '[^[:alnum:]]',
    '^$',
    '.',
    '.*',
  ],
  ...[
    '\\`a',
    "a\\'",
    '(a|ab)(c|bcd)(d*)',
    '[[:digit:]]+',
    '[^a]',
    'a.b',
    '(^|x)y',
    'zz?y$',
    '[é]',
    'é',
    'a\nb',
    '^\n$',
    '(a\n)b',
  ],
];

const BASIC = [
  ...[
    '*a',
    '\\(*a\\)',
    '^*a',
    'a\\|*b',
    '\\(^a\\)',
    '\\(a$\\)',
    'a$b',
    'a^b',
    'a\\{1\\}',
    'a\\{1',
    'a\\{x\\}',
    'a\\{,2\\}b',
  ],
  ...[
    'a\\{2,1\\}',
    '\\(',
    '\\)',
    'a\\)',
    '\\(\\)',
    '\\|a',
    'a\\|',
    'a\\+',
    '\\+a',
    '\\?a',
    'a**',
    '^^a',
    'a$$',
    'a\\{1\\}*',
  ],
  ...[
    '\\{1\\}a',
    '\\(\\{1\\}a\\)',
    'a\\|^*a',
    '\\(^*a\\)',
    'x\\(^a\\)',
    'a\\|^a',
    'a$\\|b',
    'a*\\{2\\}',
    '\\1',
    '\\(a\\)\\1',
    '\\',
  ],
  ...[
    'a\\\\',
    'a+',
    '{1}a',
    'a{1',
    '(a)',
    'a\\{1,2',
    '\\}',
    'a\\}',
    '\\{',
    '^\\{1\\}a',
    '\\(a\\|\\)b',
    'a\\{,\\}',
    '^\\+a',
    '\\(^\\)a',
  ],
  ...[
    'x*^a',
    '\\.a',
    '\\*a',
    '\\$',
    '\\^a',
    '\\/',
    '\\-',
    '\\n',
    '[\\]b',
    '\\(.\\)\\(.\\)\\1\\2',
    '\\<foo\\>',
    '[*]',
    'a?',
    'o\\?b',
  ],
];

describe.runIf(requireTools('grep'))('patterns', () => {
  it.each(EXTENDED)('finds what grep -E finds with %j', (pattern) => {
    for (const options of [['-E'], ['-E', '-i']]) {
      expect(ours(pattern, LINES, options)).toEqual(oracle(pattern, LINES, options));
    }
  });

  it.each(BASIC)('finds what grep finds with %j', (pattern) => {
    for (const options of [[], ['-i']]) expect(ours(pattern, LINES, options)).toEqual(oracle(pattern, LINES, options));
  });

  it.each(['a', '.', '', 'A', '*a', 'a\nb', 'é', 'a\\', '[', 'FOO'])('finds what grep -F finds with %j', (pattern) => {
    for (const options of [['-F'], ['-F', '-i']]) {
      expect(ours(pattern, LINES, options)).toEqual(oracle(pattern, LINES, options));
    }
  });

  const piece = fc.constantFrom(
    'a',
    'b',
    'A',
    '.',
    '*',
    'a*',
    '[ab]',
    '[^a]',
    '^',
    '$',
    '\\(',
    '\\)',
    '(',
    ')',
    '|',
    '\\|',
  );
  const more = fc.constantFrom(
    '\\1',
    '\\<',
    '\\>',
    '\\b',
    '\\B',
    '\\w',
    '{2}',
    '\\{2\\}',
    '{0,1}',
    '+',
    '?',
    '\\+',
    '[[:alpha:]]',
    '_',
  );
  const pattern = fc.array(fc.oneof(piece, more), { maxLength: 8 }).map((parts) => parts.join(''));
  const line = fc
    .array(fc.constantFrom('a', 'b', 'A', '_', ' ', '-', '(', '*'), { maxLength: 8 })
    .map((parts) => parts.join(''));

  it('agrees with grep on random patterns and lines', () => {
    const options = fc.constantFrom<string[]>([], ['-E'], ['-i'], ['-E', '-i']);
    fc.assert(
      // What glibc makes of a repeated word edge differs from place to place.
      fc.property(
        pattern.filter((p) => !/(\\[<>bB]|[$^])[)\\(]*[*+?{]/.test(p)),
        fc.array(line, { minLength: 20, maxLength: 40 }),
        options,
        (p, lines, o) => {
          expect(ours(p, lines, o)).toEqual(oracle(p, lines, o));
        },
      ),
      { numRuns: 600, seed: 1 },
    );
  }, 60_000);

  it('stays linear where other engines do not', () => {
    const text = bytes('a'.repeat(100_000));
    const start = performance.now();
    for (const evil of ['(a*)*b', '(a|aa)+$b', '(a|a)*b', '(.*)(.*)(.*)x', 'a{500}b']) {
      expect(lineMatcher(bytes(evil), { extended: true }).matches(text, 0, text.length)).toBe(false);
    }
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  it('gives up on back-references that take too long, and on patterns that are too big', () => {
    const text = bytes('a'.repeat(10_000));
    const matcher = lineMatcher(bytes('(a*)*(a*)*\\2b'), { extended: true });
    expect(() => matcher.matches(text, 0, text.length)).toThrow('limit exceeded');
    for (const big of ['(((a{1000}){1000}){1000})', `${'()'.repeat(10)}(){32767}{32767}{32767}`, '('.repeat(2000)]) {
      expect(() => lineMatcher(bytes(big), { extended: true })).toThrow('Regular expression too big');
    }
  });

  it('says what is wrong with the words of grep', () => {
    for (const bad of ['(', '[a', 'a\\', '[z-a]', 'a{2,1}', '[[:foo:]]', '(a)\\2', '[:space:]']) {
      const { stderr } = spawnSync('grep', ['-E', bad], {
        input: '',
        encoding: 'utf8',
        env: { ...process.env, LC_ALL: 'C' },
      });
      const reason = stderr.replace(/^grep: /, '').trim();
      expect(() => lineMatcher(bytes(bad), { extended: true })).toThrow(`regex: ${reason}`);
    }
    expect(execFileSync('grep', ['--version'], { encoding: 'utf8' })).toContain('GNU grep');
  });
});
