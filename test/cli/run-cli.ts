import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

/** The program as a checkout runs it. */
export const VMCRAFT = fileURLToPath(new URL('../../bin/vmcraft', import.meta.url));

/** What a run of the program gave. */
export interface CliResult {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run it. */
export interface CliOptions {
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Run it under this name: a link is made. */
  readonly program?: string;
  /** Run it as this user, and group; only root can. */
  readonly uid?: number;
  readonly onStart?: (child: ReturnType<typeof spawn>) => void;
}

/** Run the program to its end. */
export function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = spawn(process.execPath, [options.program ?? VMCRAFT, ...args], {
    cwd: options.cwd ?? tmpdir(),
    env: { ...process.env, HOME: tmpdir(), ...options.env },
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  options.onStart?.(child);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  return new Promise((resolve) => {
    child.on('close', (status, signal) => {
      resolve({
        status,
        signal,
        stdout: Buffer.concat(out).toString('utf8'),
        stderr: Buffer.concat(err).toString('utf8'),
      });
    });
  });
}

/** A folder that is removed after the tests of a file. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-cli-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The program under the name `guestfish`. */
export function asGuestfish(folder: string): string {
  const path = join(folder, 'guestfish');
  symlinkSync(VMCRAFT, path);
  return path;
}

/** A raw disk with an MBR and one ext4 partition of a fixed identity, filled from a folder. */
export function ext4Disk(path: string, options: { megabytes?: number; from?: string; blockSize?: number } = {}): void {
  const { megabytes = 48, from, blockSize = 1024 } = options;
  execFileSync('truncate', ['-s', `${megabytes + 2}M`, path]);
  execFileSync('sfdisk', ['-q', path], { input: 'start=2048, type=83\n', stdio: ['pipe', 'ignore', 'ignore'] });
  const fill = from === undefined ? [] : ['-d', from];
  const identity = [
    '-U',
    '0d2e1f3a-5b6c-4d7e-8f90-a1b2c3d4e5f6',
    '-L',
    'root',
    '-E',
    'offset=1048576,hash_seed=11111111-2222-4333-8444-555555555555',
  ];
  const size = String((megabytes * 1048576) / blockSize);
  execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-b', String(blockSize), ...identity, ...fill, path, size], {
    stdio: 'ignore',
  });
}
