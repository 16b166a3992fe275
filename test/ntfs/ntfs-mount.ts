import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { TreeEntry } from './tree.js';

const HELPER = fileURLToPath(new URL('./mount-helper.py', import.meta.url));
/** Longest wait for a mount to appear or end, in milliseconds. */
const PATIENCE = 60_000;
const LONGEST_ANSWER = 512 * 1024 * 1024;

/** An image mounted by ntfs-3g. It stays in the foreground, so that `close` knows when all is written. */
export class NtfsMount {
  private constructor(
    readonly folder: string,
    private readonly daemon: ChildProcess,
    private readonly log: string,
  ) {}

  /** Mount `image`; throws with ntfs-3g's own message when it refuses. */
  static async open(image: string, ...options: readonly string[]): Promise<NtfsMount> {
    const folder = mkdtempSync(join(tmpdir(), 'vmcraft-ntfs-'));
    // To a file, not a pipe: nobody would empty that while a helper runs, and ntfs-3g would stand still.
    const log = `${folder}.log`;
    const output = openSync(log, 'w');
    const daemon = spawn('ntfs-3g', ['-o', ['no_detach', ...options].join(','), image, folder], {
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    for (const end = Date.now() + PATIENCE; Date.now() < end && daemon.exitCode === null; await sleep(20)) {
      if (readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${folder} `)) {
        return new NtfsMount(folder, daemon, log);
      }
    }
    daemon.kill();
    rmdirSync(folder);
    const said = readFileSync(log, 'utf8');
    rmSync(log);
    throw new Error(`ntfs-3g: ${said}`);
  }

  /** Mount an image, work on it, and unmount it whatever happens. */
  static async with<T>(
    image: string,
    options: readonly string[],
    work: (mount: NtfsMount) => T | Promise<T>,
  ): Promise<T> {
    const mount = await NtfsMount.open(image, ...options);
    try {
      return await work(mount);
    } finally {
      await mount.close();
    }
  }

  /** Run a step of the helper on the mount: `fill`, `fill-streams`, `many N`, `thin`, `apply`. */
  run(...args: readonly string[]): void {
    const { status, stderr } = spawnSync('python3', [HELPER, this.folder, ...args], {
      encoding: 'utf8',
      timeout: PATIENCE,
    });
    if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}\n${readFileSync(this.log, 'utf8').slice(-2000)}`);
  }

  /** Everything in the file system; `system` names further extended attributes to read of every file. */
  tree(...system: readonly string[]): TreeEntry[] {
    const text = execFileSync('python3', [HELPER, this.folder, 'tree', ...system], {
      encoding: 'utf8',
      maxBuffer: LONGEST_ANSWER,
      timeout: PATIENCE,
    });
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as TreeEntry);
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.daemon.once('exit', resolve));
    for (let attempt = 0; spawnSync('umount', [this.folder]).status !== 0 && attempt < 50; attempt++) await sleep(100);
    if (this.daemon.exitCode === null && this.daemon.signalCode === null) await ended;
    rmdirSync(this.folder);
    rmSync(this.log, { force: true });
  }
}
