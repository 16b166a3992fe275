// Devices of a guest outside of this process: over NBD, and as block devices of this host.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pattern, requireTools, sameBytes } from '@vmcraft/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const CLI = fileURLToPath(new URL('../../bin/vmcraft', import.meta.url));
const PARTITION = 6 << 20;
const START = 1 << 20;

interface Running {
  readonly child: ChildProcess;
  readonly report: Record<string, unknown>;
}

describe.runIf(requireTools('qemu-img', 'qemu-io', 'nbdinfo', 'sfdisk'))(
  'a guest given out by the command',
  { timeout: 120_000 },
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'vmcraft-test-'));
    const image = join(folder, 'disk.qcow2');
    const children = new Set<ChildProcess>();

    beforeAll(() => {
      execFileSync(process.execPath, [CLI, '--version']);
      const raw = join(folder, 'disk.raw');
      execFileSync('truncate', ['-s', '8M', raw]);
      execFileSync('sfdisk', ['-q', raw], { input: `label: dos\nstart=2048, size=${PARTITION / 512}\n` });
      const file = openSync(raw, 'r+');
      writeSync(file, pattern(PARTITION, 3), 0, PARTITION, START);
      closeSync(file);
      execFileSync('qemu-img', ['convert', '-O', 'qcow2', raw, image]);
    });
    afterEach(() => {
      for (const child of children) child.kill('SIGKILL');
      children.clear();
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    /** Start the command, and wait until it says where the device is. */
    async function start(...words: string[]): Promise<Running> {
      const child = spawn(process.execPath, [CLI, ...words, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
      children.add(child);
      let said = '';
      let complaint = '';
      child.stderr?.on('data', (data) => {
        complaint += data;
      });
      const ended = once(child, 'close').then(() => Promise.reject(new Error(`it ended: ${complaint}`)));
      ended.catch(() => undefined);
      const report = new Promise<Record<string, unknown>>((resolve) => {
        child.stdout?.on('data', (data) => {
          said += data;
          if (said.trimEnd().endsWith('}')) resolve(JSON.parse(said));
        });
      });
      return { child, report: await Promise.race([report, ended]) };
    }

    async function end({ child }: Running, signal: NodeJS.Signals): Promise<number | null> {
      const closed = child.exitCode === null ? once(child, 'close') : [child.exitCode];
      child.kill(signal);
      return ((await closed) as [number | null])[0];
    }

    const inGuest = (offset: number, length: number): Buffer => {
      const raw = join(folder, 'after.raw');
      execFileSync('qemu-img', ['convert', '-O', 'raw', image, raw]);
      return readFileSync(raw).subarray(START + offset, START + offset + length);
    };

    it('serve-nbd: read-only unless asked, and a socket that goes with it', async () => {
      const socket = join(folder, 'nbd');
      const running = await start('serve-nbd', image, '--device', '/dev/sda1', '--socket', socket);
      const info = JSON.parse(execFileSync('nbdinfo', ['--json', running.report.uri as string], { encoding: 'utf8' }));
      expect(info.exports[0]).toMatchObject({ 'export-size': PARTITION, is_read_only: true });
      expect(await end(running, 'SIGTERM')).toBe(0);
      expect(existsSync(socket)).toBe(false);
    });

    it('serve-nbd --rw --once: commits when the last client has gone', async () => {
      const running = await start(
        'serve-nbd',
        image,
        '--device',
        '/dev/sda1',
        '--socket',
        join(folder, 'rw'),
        '--rw',
        '--once',
      );
      execFileSync('qemu-io', ['-f', 'raw', '-c', 'write -P 0x41 4096 8192', running.report.uri as string]);
      if (running.child.exitCode === null) await once(running.child, 'close');
      expect(running.child.exitCode).toBe(0);
      sameBytes(inGuest(4096, 8192), new Uint8Array(8192).fill(0x41), 'written');
      execFileSync('qemu-img', ['check', '-q', image]);
    });

    it('attach: refuses a disk that the host would look into', async () => {
      await expect(start('attach', image, '/dev/sda')).rejects.toThrow(/it holds \/dev\/sda1/);
    });

    describe.runIf(requireTools('root', 'qemu-storage-daemon', 'python3', 'unshare'))(
      'as a device of this host',
      () => {
        it('attach: reads what the partition has, and goes when it is told to', async () => {
          const running = await start('attach', image, '/dev/sda1');
          const path = running.report.device as string;
          expect(execFileSync('blockdev', ['--getsize64', '--getro', path], { encoding: 'utf8' })).toBe(
            `${PARTITION}\n1\n`,
          );
          sameBytes(readDevice(path, 65_536, 65_536), inGuest(65_536, 65_536), 'read');
          expect(await end(running, 'SIGINT')).toBe(0);
          expect(() => readDevice(path, 0, 512)).toThrow();
        });

        it('attach --rw: commits what the host wrote; killed, nothing', async () => {
          const before = inGuest(0, PARTITION);
          const killed = await start('attach', '--rw', image, '/dev/sda1');
          writeDevice(killed.report.device as string, 8192, pattern(4096, 9));
          await end(killed, 'SIGKILL');
          sameBytes(inGuest(0, PARTITION), before, 'after a kill');
          const running = await start('attach', '--rw', image, '/dev/sda1');
          writeDevice(running.report.device as string, 8192, pattern(4096, 9));
          expect(await end(running, 'SIGTERM')).toBe(0);
          sameBytes(inGuest(8192, 4096), pattern(4096, 9), 'after a commit');
          execFileSync('qemu-img', ['check', '-q', image]);
        });
      },
    );
  },
);

function readDevice(path: string, offset: number, length: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const data = Buffer.alloc(length);
    if (readSync(file, data, 0, length, offset) !== length) throw new Error(`${path} is empty`);
    return data;
  } finally {
    closeSync(file);
  }
}

function writeDevice(path: string, offset: number, data: Uint8Array): void {
  const file = openSync(path, 'r+');
  try {
    writeSync(file, data, 0, data.length, offset);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
