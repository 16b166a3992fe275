import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MemoryDevice } from '@vmcraft/core';
import { requireTools } from '@vmcraft/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NbdClient, NbdDevice, type NbdServer, parseNbdUri, serveNbd } from '../../src/index.js';

const run = promisify(execFile);
const SIZE = 8 * 1024 * 1024;

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255);
}

describe('an NBD server', () => {
  let folder: string;
  let socket: string;
  let device: MemoryDevice;
  let server: NbdServer;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vmcraft-serve-'));
    socket = join(folder, 'sock');
    device = new MemoryDevice(SIZE);
    await device.write(1_000_000, pattern(70_000));
    server = await serveNbd(
      [
        { name: '', device, readonly: false, description: 'all of it' },
        { name: 'ro/copy', device },
      ],
      { listen: { socket } },
    );
  });

  afterEach(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  it('makes its socket for its own user alone, and takes it away', async () => {
    expect((await stat(socket)).mode & 0o777).toBe(0o600);
    await server.close();
    await expect(stat(socket)).rejects.toThrow('ENOENT');
  });

  it('serves our own client, also over several connections', async () => {
    const clients = await Promise.all([1, 2, 3].map(() => NbdClient.connect(parseNbdUri(server.uri))));
    const devices = clients.map((client) => new NbdDevice(client, { readonly: false }));
    await Promise.all(devices.map((d, i) => d.write(i * 1001 + 3, pattern(900))));
    for (const [i] of devices.entries())
      expect(await devices[(i + 1) % 3]!.read(i * 1001 + 3, 900)).toEqual(pattern(900));
    await devices[0]!.discard(1_000_000, 4096);
    expect(await devices[1]!.read(1_000_000, 4096)).toEqual(new Uint8Array(4096));
    await Promise.all(devices.map((d) => d.close()));
  });

  it('refuses what it must, and goes on', async () => {
    const client = await NbdClient.connect(parseNbdUri(server.uri));
    await expect(client.read(SIZE - 10, 11)).rejects.toThrow('EINVAL');
    await expect(client.write(SIZE - 10, pattern(11))).rejects.toThrow('ENOSPC');
    expect(await client.read(SIZE - 10, 10)).toEqual(new Uint8Array(10));
    await client.close();
    const readonly = await NbdClient.connect({ socket, exportName: 'ro/copy' });
    expect(readonly.info.readOnly).toBe(true);
    await expect(readonly.write(0, pattern(5))).rejects.toThrow('EPERM');
    await readonly.close();
    await expect(NbdClient.connect({ socket, exportName: 'other' })).rejects.toThrow("no export named 'other'");
  });

  it('survives clients that break the protocol', async () => {
    const garbage = [
      new Uint8Array(4).fill(255),
      new Uint8Array(100),
      Uint8Array.from([0, 0, 0, 3, ...pattern(64)]),
      Uint8Array.from([0, 0, 0, 3, 0x49, 0x48, 0x41, 0x56, 0x45, 0x4f, 0x50, 0x54, 0, 0, 0, 7, 255, 255, 255, 255]),
    ];
    for (const bytes of garbage) {
      await new Promise<void>((resolve) => {
        const bad = connect({ path: socket }, () => bad.end(bytes));
        bad.resume().on('close', () => resolve());
      });
    }
    const client = await NbdClient.connect(parseNbdUri(server.uri));
    expect(client.info.size).toBe(SIZE);
    await client.close();
    expect(server.clients).toBeLessThanOrEqual(1);
  });

  describe.runIf(requireTools('nbdinfo', 'nbdcopy', 'qemu-img', 'qemu-io'))('judged by other clients', () => {
    it('nbdinfo sees the exports and what they can do', async () => {
      const { stdout } = await run('nbdinfo', ['--list', '--json', server.uri]);
      const { exports } = JSON.parse(stdout) as { exports: Record<string, unknown>[] };
      const [all, copy] = exports;
      expect(all).toMatchObject({
        'export-name': '',
        description: 'all of it',
        'export-size': SIZE,
        is_read_only: false,
        can_flush: true,
        can_fua: true,
        can_multi_conn: true,
        can_trim: true,
        can_zero: true,
      });
      expect(all?.contexts).toEqual(['base:allocation']);
      expect(copy).toMatchObject({ 'export-name': 'ro/copy', is_read_only: true });
      const map = await run('nbdinfo', ['--map', '--json', server.uri]);
      const runs = JSON.parse(map.stdout) as { offset: number; length: number }[];
      expect(runs.reduce((sum, r) => sum + r.length, 0)).toBe(SIZE);
    });

    it('nbdcopy reads and writes all of it over four connections', async () => {
      const out = join(folder, 'out');
      await run('nbdcopy', ['--connections=4', server.uri, out]);
      const all = new Uint8Array(await device.read(0, SIZE));
      expect(Buffer.compare(await readFile(out), all)).toBe(0);
      const changed = pattern(SIZE);
      await writeFile(out, changed);
      await run('nbdcopy', ['--connections=4', '--flush', out, server.uri]);
      expect(Buffer.compare(await device.read(0, SIZE), changed)).toBe(0);
    });

    it('qemu-img compares it, over TCP too', async () => {
      const file = join(folder, 'file');
      await writeFile(file, await device.read(0, SIZE));
      await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', file, server.uri]);
      await using tcp = await serveNbd([{ name: 'disk', device }], { listen: { port: 0 } });
      expect(tcp.uri).toBe(`nbd://localhost:${tcp.port}/disk`);
      await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', file, tcp.uri]);
    });

    it('qemu-io writes, trims, zeroes and reads back', async () => {
      const commands = [
        'write -P 0x5a 12345 70000',
        'write -f -P 0x11 0 512',
        'write -z 1M 1M',
        'write -z -u 3M 64k',
        'discard 4M 1M',
        'flush',
        'read -P 0x5a 12345 70000',
        'read -P 0 1M 1M',
        'read -P 0x11 0 512',
      ];
      const { stdout } = await run('qemu-io', ['-f', 'raw', ...commands.flatMap((c) => ['-c', c]), server.uri]);
      expect(stdout).not.toMatch(/failed|error/i);
      expect(await device.read(12345, 3)).toEqual(new Uint8Array([0x5a, 0x5a, 0x5a]));
    });
  });
});
