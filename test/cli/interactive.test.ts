import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireTools } from '@vmcraft/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { asGuestfish, cli, ext4Disk, scratchFolder, VMCRAFT } from './run-cli.js';

const TERMINAL = fileURLToPath(new URL('./terminal.py', import.meta.url));

/** Cursor movements and line ends of a terminal. */
const ESCAPES = /\x1b\[[0-9;?]*[A-Za-z]|\r/g;

interface Step {
  readonly expect: string;
  readonly type: string;
  /** Seconds to wait before typing. */
  readonly after?: number;
}

describe.runIf(requireTools('python3', 'mke2fs', 'sfdisk'))('the shell at a terminal', () => {
  const folder = scratchFolder();
  const disk = join(folder, 'disk.img');

  function talk(
    steps: readonly Step[],
    args: readonly string[],
    env: Record<string, string> = {},
    program = VMCRAFT,
  ): { status: number | null; shown: string } {
    const result = spawnSync('python3', [TERMINAL, JSON.stringify(steps), process.execPath, program, ...args], {
      cwd: folder,
      env: { ...process.env, HOME: folder, ...env },
      timeout: 60_000,
      encoding: 'utf8',
    });
    return { status: result.status, shown: result.stdout.replace(ESCAPES, '') + result.stderr };
  }

  beforeAll(async () => {
    ext4Disk(disk, { megabytes: 8 });
    // Builds where that is needed, so that no step waits for it.
    await cli(['--version']);
  });

  it('greets, runs commands, goes on after errors and ends with ^D', () => {
    const { status, shown } = talk(
      [
        { expect: '><fs> ', type: 'run\n' },
        { expect: '><fs> ', type: 'nosuch\n' },
        { expect: '><fs> ', type: 'mount /dev/sda1 /\n' },
        { expect: '><fs> ', type: 'ls /\n' },
        { expect: '><fs> ', type: '\x04' },
      ],
      ['-a', disk],
    );
    expect(shown).toContain('Welcome to the VMCraft shell');
    expect(shown).toContain('nosuch: unknown command\n><fs> ');
    expect(shown).toContain('ls /\nlost+found\n');
    expect(status).toBe(0);
    expect(readFileSync(join(folder, '.vmcraft-history'), 'utf8')).toBe('run\nnosuch\nmount /dev/sda1 /\nls /\n');
  });

  it('completes commands, devices and guest paths with Tab', () => {
    const { shown } = talk(
      [
        { expect: '><fs> ', type: 'mkdir-mo\t' },
        { expect: 'mkdir-mode ', type: '/sub 0755\n' },
        { expect: '><fs> ', type: 'touch /sub/only\n' },
        { expect: '><fs> ', type: 'ls /su\t' },
        { expect: '/sub/', type: '\n' },
        { expect: 'only\r\n', type: 'vfs-type /dev/sda1\t' },
        { expect: '/dev/sda1 ', type: '\n' },
        { expect: '><fs> ', type: 'quit\n' },
      ],
      ['-a', disk, '-m', '/dev/sda1'],
    );
    expect(shown).toContain('mkdir-mode /sub 0755');
    expect(shown).toContain('ls /sub/');
    expect(shown).toContain('ext4\n');
  });

  it('has the prompt strings of guestfish, and lines that were pasted together', () => {
    const { shown } = talk(
      [{ expect: 'fish> ', type: 'echo one\necho two\nquit\n' }],
      [],
      {
        GUESTFISH_PS1: String.raw`\[\e[1m\]fish> `,
        GUESTFISH_INIT: '<init>',
        GUESTFISH_OUTPUT: '<out>',
        GUESTFISH_RESTORE: '<restore>',
      },
      asGuestfish(folder),
    );
    expect(shown).toMatch(/^<init>\nWelcome to guestfish, the guest filesystem shell for\n/);
    expect(shown).toContain('<out>one\n');
    expect(shown).toContain('<out>two\n');
    expect(shown.trimEnd().endsWith('<restore>')).toBe(true);
  });

  it('cancels a command with ^C and goes on', () => {
    const started = Date.now();
    const { status, shown } = talk(
      [
        { expect: '><fs> ', type: 'run\n' },
        { expect: '><fs> ', type: 'echo before\n' },
        { expect: 'before\r\n', type: 'sleep 50\n' },
        { expect: 'sleep 50\r', after: 2, type: '\x03' },
        { expect: '><fs> ', type: 'echo after\n' },
        { expect: 'after\r\n', type: 'quit\n' },
      ],
      ['-a', disk],
    );
    expect(shown).toMatch(/sleep: cancelled/);
    expect(status).toBe(0);
    expect(Date.now() - started).toBeLessThan(40_000);
  });

  it('reads the text of a heredoc, and of - up to ^D', () => {
    const { shown } = talk(
      [
        { expect: '><fs> ', type: 'upload -<<END /here\n' },
        { expect: '> ', type: 'typed text\n' },
        { expect: '> ', type: 'END\n' },
        { expect: '><fs> ', type: 'cat /here\n' },
        { expect: 'typed text\r\n', type: 'quit\n' },
      ],
      ['-a', disk, '-m', '/dev/sda1'],
    );
    expect(shown).toContain('cat /here\ntyped text\n');
  });
});
