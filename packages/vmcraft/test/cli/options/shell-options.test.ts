import { describe, expect, it } from 'vitest';
import { taskArguments } from '../../../src/cli/dispatch.js';
import { parseDriveOption } from '../../../src/cli/options/drive-option.js';
import { parseKeySelector } from '../../../src/cli/options/key-selector.js';
import { parseMountOption } from '../../../src/cli/options/mount-option.js';
import { parseShellOptions, type ShellOptions } from '../../../src/cli/options/shell-options.js';

function options(...argv: string[]): ShellOptions {
  const request = parseShellOptions(argv);
  if (request.kind !== 'shell') throw new Error(request.kind);
  return request.options;
}

describe('options of the shell', () => {
  it('adds drives in order, with what stands before them', () => {
    const { drives } = options(
      '--format=raw',
      '-a',
      'a.img',
      '--format',
      '-a',
      'b.img',
      '--blocksize=4096',
      '-ac.img',
      '-N',
      'fs',
    );
    expect(drives).toEqual([
      { kind: 'add', text: 'a.img', format: 'raw' },
      { kind: 'add', text: 'b.img' },
      { kind: 'add', text: 'c.img', blocksize: 4096 },
      { kind: 'new', text: 'fs' },
    ]);
  });

  it('finds options between and after commands, until --', () => {
    expect(options('echo', '-x', 'a', '--', '-n', ':', 'b')).toMatchObject({
      trace: true,
      commands: ['echo', 'a', '-n', ':', 'b'],
    });
    expect(options('-rxia', 'd.img')).toMatchObject({ readonly: true, trace: true, inspect: true });
    expect(options('--insp', '-a', 'd', '--no-prog')).toMatchObject({ inspect: true, progressBars: false });
  });

  it('takes all words as disks in the old form of -i', () => {
    expect(options('--ro', '-i', 'a.img', 'b.img')).toMatchObject({
      drives: [{ text: 'a.img' }, { text: 'b.img' }],
      commands: [],
    });
  });

  it('collects --run, keys and mounts', () => {
    const read = options(
      '--run',
      'a b',
      '--run=c',
      '--key',
      'all:key:pa:ss',
      '-m',
      '/dev/sda1:/mnt:ro:ext4',
      '--root',
      '/dev/sda2',
    );
    expect(read.run).toEqual(['a b', 'c']);
    expect(read.keys).toEqual([{ id: 'all', source: { kind: 'key', key: 'pa:ss' } }]);
    expect(read.mounts).toEqual([{ device: '/dev/sda1', mountpoint: '/mnt', options: 'ro', fstype: 'ext4' }]);
    expect(read.root).toBe('/dev/sda2');
  });

  it.each([
    [['--badopt'], "unrecognized option '--badopt'"],
    [['-a'], "option requires an argument -- 'a'"],
    [['-q'], "invalid option -- 'q'"],
    [['--ro', '--rw'], 'cannot mix --ro and --rw options'],
    [['--pro=1'], "option '--progress-bars' doesn't allow an argument"],
    [['--no'], "option '--no' is ambiguous; possibilities: '--no-sync' '--no-dest-paths' '--no-progress-bars'"],
    [['--blocksize=7', '-a', 'x'], '--blocksize=7: must be 512 or 4096'],
    [['-f', 'a', '-f', 'b'], 'only one -f parameter can be given'],
    [['--listen', 'echo'], 'extra parameters on the command line with --listen flag'],
    [['--remote=x'], '--listen=PID: PID was not a number: x'],
    [['-d', 'guest'], /libvirt domains are not supported.*virsh domblklist/],
    [['--live'], /live access is not supported/],
    [['--key', 'foo'], "selector 'foo': missing TYPE"],
  ])('refuses %j', (argv, message) => {
    expect(() => parseShellOptions(argv)).toThrow(message);
  });

  it('answers questions first', () => {
    expect(parseShellOptions(['-h', 'mount'])).toEqual({ kind: 'command-help', command: 'mount' });
    expect(parseShellOptions(['-V', '-a'].slice(0, 1))).toEqual({ kind: 'version' });
    expect(parseShellOptions(['-N', 'help'])).toEqual({ kind: 'prepared-help' });
  });
});

describe('a drive', () => {
  const drive = (text: string): unknown => parseDriveOption(text, { readonly: false });

  it.each([
    ['disk.img', { filename: 'disk.img', options: {} }],
    ['file:///a%20b.img', { filename: '/a b.img', options: {} }],
    ['nbd://example.com:1234/exp', { filename: 'nbd://example.com:1234/exp', options: {}, isRemote: true }],
    ['nbd:///exp?socket=/run/s', { filename: 'nbd:///exp?socket=/run/s', options: {}, isRemote: true }],
    [
      'ssh://user:pass%40word@example.com/disk.img',
      { filename: 'ssh://user@example.com/disk.img', options: { secret: 'pass@word' }, isRemote: true },
    ],
    [
      'iscsi://user%secret@example.com/iqn.2026-01.com.example:a/1',
      {
        filename: 'iscsi://user@example.com/iqn.2026-01.com.example:a/1',
        options: { secret: 'secret' },
        isRemote: true,
      },
    ],
  ])('%s', (text, expected) => {
    expect(drive(text)).toEqual(expected);
  });

  it('never shows a password', () => {
    expect(() => drive('foo://me:secret@host/x')).toThrow(/foo:\/\/me:…@host/);
  });

  it('carries what was said before it', () => {
    expect(parseDriveOption('d', { readonly: true, format: 'raw', blocksize: 512 }).options).toEqual({
      readonly: true,
      format: 'raw',
      blocksize: 512,
    });
  });
});

describe('other values', () => {
  it('splits mounts', () => {
    expect(parseMountOption('/dev/sda1')).toEqual({ device: '/dev/sda1', mountpoint: '/' });
    expect(parseMountOption('/dev/sda1::acl')).toEqual({ device: '/dev/sda1', mountpoint: '/', options: 'acl' });
    expect(parseMountOption('btrfsvol:/dev/sda1/@:/home')).toEqual({
      device: 'btrfsvol:/dev/sda1/@',
      mountpoint: '/home',
    });
  });

  it('reads keys without repeating them in errors', () => {
    expect(parseKeySelector('/dev/sda2:file:/k:1')).toEqual({
      id: '/dev/sda2',
      source: { kind: 'file', path: '/k:1' },
    });
    expect(() => parseKeySelector('a:bad:secret')).toThrow("selector 'a:bad': invalid TYPE");
    expect(() => parseKeySelector('a:clevis')).toThrow(/Clevis keys are not supported/);
  });

  it('tells tasks from commands of the shell', () => {
    expect(taskArguments(['cat', 'd.img', '/x'])).toEqual(['cat', 'd.img', '/x']);
    expect(taskArguments(['--json', '--backend', 'nbd', 'df', 'd.img'])).toEqual([
      'df',
      '--json',
      '--backend',
      'nbd',
      'd.img',
    ]);
    expect(taskArguments(['-a', 'd.img', '-i', 'cat', '/x'])).toBeUndefined();
    expect(taskArguments(['--json', '-a', 'd.img'])).toBeUndefined();
    expect(taskArguments([])).toBeUndefined();
  });
});
