import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { cli, scratchFolder } from '../cli/run-cli.js';
import { LOOK_ALIKE_NEEDS, type LookAlike, lookAlike, scratchDisk } from './look-alike/build.js';

/** Commands that both shells understand, and the same answers are expected of. */
const LOOKING = [
  'ls',
  'cd \\ControlSet001\\Services\\Dhcp',
  'ls',
  'lsval',
  'lsval Start',
  'lsval ImagePath',
  'cd',
  'cd ..',
  'cd',
  'cd disk',
  'lsval',
  'cd \\MountedDevices',
  'lsval',
  'cd \\CONTROLSET001\\control\\computername\\ComputerName',
  'lsval',
  'lsval @',
];
const CHANGING = [
  'cd \\Select',
  'setval 5',
  '@',
  'string:abc "q" \\x',
  'n',
  'dword:010',
  'h',
  'hex:3:01,02',
  'q',
  'qword:0x10',
  'e',
  'expandstring:%x%',
  'lsval',
  'add new key',
  'cd new key',
  'setval 1',
  'none',
  'none',
  'cd \\ControlSet001\\Services\\EventLog',
  'del',
  'cd',
  'commit',
];

describe.runIf(requireTools(...LOOK_ALIKE_NEEDS, 'hivexsh', 'hivexregedit'))(
  'vmcraft registry',
  { timeout: 120_000 },
  () => {
    const folder = scratchFolder();
    let built: LookAlike;
    let disk: string;
    let hive: string;
    beforeAll(async () => {
      built = await lookAlike('win2k22');
      disk = scratchDisk(built, folder);
      hive = join(folder, 'SYSTEM');
      execFileSync('cp', [join(built.tree, 'Windows/System32/config/SYSTEM'), hive]);
    }, 120_000);

    const ours = (lines: readonly string[], ...options: string[]) =>
      cli(['registry', ...options, disk, 'SYSTEM'], { input: `${lines.join('\n')}\n` });
    const theirs = (lines: readonly string[], ...options: string[]): string =>
      execFileSync('hivexsh', [...options, hive], { input: `${lines.join('\n')}\n`, encoding: 'utf8' });

    it('has a shell that answers as hivexsh does', async () => {
      const { stdout, stderr, status } = await ours(LOOKING);
      expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
      expect(stdout).toBe(theirs(LOOKING));
    });

    it('knows the control set that is current, as a running Windows does', async () => {
      const { stdout, stderr } = await ours(['cd currentcontrolset\\Services', 'cd']);
      expect(stderr).toBe('');
      expect(stdout).toMatch(/^\\ControlSet00\d\\Services$/m);
    });

    it('changes a hive in the shell as hivexsh does', async () => {
      const { stdout, stderr } = await ours(CHANGING, '-w');
      expect(stderr).toBe('');
      expect(stdout).toBe(theirs(CHANGING, '-w'));
      const changed = join(folder, 'SYSTEM.ours');
      await cli(['copy-out', disk, 'C:\\Windows\\System32\\config\\SYSTEM', folder]);
      execFileSync('mv', [join(folder, 'SYSTEM'), changed]);
      execFileSync('cp', [join(built.tree, 'Windows/System32/config/SYSTEM'), hive]);
      theirs(CHANGING, '-w');
      const text = (path: string): string =>
        execFileSync('hivexregedit', ['--export', path, '\\'], { encoding: 'utf8' });
      expect(text(changed)).toBe(text(hive));
    });

    it('says what is wrong and changes nothing', async () => {
      const sum = (): string => execFileSync('sha256sum', [disk], { encoding: 'utf8' });
      const before = sum();
      for (const [lines, options, message] of [
        [['cd nothing'], [], 'there is no such key'],
        [['cd Select', 'cd CurrentControlSet'], [], 'there is no such key'],
        [['lsval nothing'], [], 'there is no such value'],
        [['frobnicate'], [], "unknown command 'frobnicate'"],
        [['add x', 'commit'], [], 'read-only'],
        [['setval 1', 'x', 'dword:zz', 'commit'], ['-w'], "'zz' is no number"],
        [['setval 2', 'x', 'none'], ['-w'], 'the input ends'],
        [['del'], ['-w'], 'not permitted'],
      ] as const) {
        const { status, stderr } = await ours(lines, ...options);
        expect(stderr).toContain(message);
        expect(status).not.toBe(0);
      }
      for (const [options, message] of [
        [['--reg-read', 'SOFTWARE', 'No', 'x'], 'there is no such key: SOFTWARE\\No'],
        [['--reg-read', 'SOFTWARE', 'No'], '--reg-read takes HIVE KEY NAME'],
        [['--reg-write', 'SOFTWARE', 'A', 'b', 'dword:x'], "'x' is not a number"],
        [['--reg-import', '/dev/null'], '.reg'],
      ] as const) {
        const { status, stderr } = await cli(['registry', disk, ...options]);
        expect(stderr).toContain(message);
        expect(status).not.toBe(0);
      }
      expect(sum()).toBe(before);
    });

    it('reads, writes, exports and imports by options of the task and of the shell', async () => {
      const written = await cli([
        'registry',
        disk,
        '--reg-write',
        'SOFTWARE',
        'A',
        'b',
        'dword:3',
        '--reg-read',
        'SOFTWARE',
        'A',
        'b',
      ]);
      expect(written).toMatchObject({ stdout: '3\n', stderr: '', status: 0 });
      const json = await cli(['registry', '--json', disk, '--reg-list', 'SOFTWARE', 'A']);
      expect(JSON.parse(json.stdout)).toMatchObject({ keys: [], values: [{ name: 'b', type: 'REG_DWORD', data: 3 }] });
      const shell = await cli([
        '--ro',
        '-a',
        disk,
        '--reg-read',
        'SOFTWARE',
        'A',
        'b',
        '--reg-export',
        'SOFTWARE',
        'A',
        join(folder, 'a.reg'),
      ]);
      expect(shell).toMatchObject({ stdout: '3\n', stderr: '', status: 0 });
      await cli(['registry', disk, '--reg-delete-key', 'SOFTWARE', 'A']);
      expect((await cli(['registry', disk, '--reg-read', 'SOFTWARE', 'A', 'b'])).stderr).toContain(
        'there is no such key',
      );
      const imported = await cli(['registry', '--json', disk, '--reg-import', join(folder, 'a.reg')]);
      expect(JSON.parse(imported.stdout)).toEqual({ keysDeleted: 0, valuesSet: 1, valuesDeleted: 0 });
      expect((await cli(['registry', disk, '--reg-read', 'SOFTWARE', 'A', 'b'])).stdout).toBe('3\n');
    });
  },
);
