import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryDevice, readOnly } from '@vmcraft/core';
import { pattern, requireTools, sameBytes } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { DiskServer } from '../src/disk-server.js';

const SIZE = 3 << 20;

describe.runIf(requireTools('qemu-img', 'qemu-io', 'nbdinfo'))('devices served to qemu', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let count = 0;

  async function withServer(work: (socket: string, device: MemoryDevice) => Promise<void>): Promise<void> {
    const socket = join(folder, `nbd${count++}`);
    const device = MemoryDevice.from(pattern(SIZE, 7));
    const disks = new Map([
      ['disk0', device],
      ['disk1', readOnly(device, 'for reading')],
    ]);
    const server = await DiskServer.listen(socket, disks);
    try {
      await work(socket, device);
    } finally {
      await server.close();
    }
  }
  /** In a process of its own: this one serves. */
  const run = async (program: string, ...args: string[]): Promise<string> => {
    const { execFile } = await import('node:child_process');
    const { promisify } = await import('node:util');
    return (await promisify(execFile)(program, args)).stdout;
  };
  const uri = (socket: string, name: string): string => `nbd+unix:///${name}?socket=${socket}`;

  it('are read as they are, by exports of their names', () =>
    withServer(async (socket, device) => {
      expect(statSync(socket).mode & 0o777).toBe(0o600);
      const copy = join(folder, 'copy');
      await run('qemu-img', 'convert', '-O', 'raw', uri(socket, 'disk1'), copy);
      sameBytes(readFileSync(copy), await device.read(0, SIZE), 'copy');
      const info = JSON.parse(await run('nbdinfo', '--json', uri(socket, 'disk1')));
      expect(info.exports[0]).toMatchObject({ 'export-size': SIZE, is_read_only: true });
      await expect(run('nbdinfo', uri(socket, 'other'))).rejects.toThrow();
    }));

  it('are written, zeroed and flushed; a read-only one is not', () =>
    withServer(async (socket, device) => {
      const before = (await device.read(0, SIZE)).slice();
      const io = (name: string, ...commands: string[]) =>
        run('qemu-io', '-f', 'raw', ...commands.flatMap((c) => ['-c', c]), uri(socket, name));
      await io('disk0', 'write -P 0x5a 1000448 70144', 'write -z 2097152 65536', 'discard 2162688 65536', 'flush');
      before.fill(0x5a, 1_000_448, 1_070_592);
      before.fill(0, 2_097_152, 2_228_224);
      sameBytes(await device.read(0, SIZE), before, 'device');
      await io('disk1', 'write -P 1 0 512').catch(() => undefined);
      sameBytes(await device.read(0, SIZE), before, 'device');
    }));

  it('go on being served when a client talks nonsense', () =>
    withServer(async (socket) => {
      const hostile = [
        pattern(4096, 1),
        Buffer.from('00000003494841564546ffffffffffffffffffff', 'hex'),
        Buffer.concat([
          Buffer.from('00000003', 'hex'),
          Buffer.from('IHAVEOPT'),
          Buffer.from('00000007ffffffff', 'hex'),
        ]),
        Buffer.concat([
          Buffer.from('00000003', 'hex'),
          Buffer.from('IHAVEOPT'),
          Buffer.from('0000000100000005', 'hex'),
          Buffer.from('disk0'),
          Buffer.from('2560951300000001', 'hex'),
          Buffer.from('0000000000000000ffffffffffffff00ffffffff', 'hex'),
        ]),
      ];
      for (const bytes of hostile) {
        const client = connect(socket);
        client.on('error', () => undefined);
        client.resume();
        client.write(bytes);
        client.end();
        await once(client, 'close');
      }
      expect(await run('nbdinfo', '--size', uri(socket, 'disk0'))).toBe(`${SIZE}\n`);
    }));

  it('a request past the end is an error of the request, not of the server', () =>
    withServer(async (socket) => {
      execFileSync('true');
      const client = connect(socket);
      const request = (offset: bigint, length: number): Buffer => {
        const head = Buffer.alloc(28);
        head.writeUInt32BE(0x25609513, 0);
        head.writeBigUInt64BE(offset, 16);
        head.writeUInt32BE(length, 24);
        return head;
      };
      client.write(
        Buffer.concat([
          Buffer.from('00000003', 'hex'),
          Buffer.from('IHAVEOPT'),
          Buffer.from('0000000100000005', 'hex'),
          Buffer.from('disk0'),
          request(BigInt(SIZE), 512),
          request(0n, 512),
        ]),
      );
      const received: Buffer[] = [];
      for await (const chunk of client) {
        received.push(chunk as Buffer);
        if (Buffer.concat(received).length >= 18 + 10 + 16 + 16 + 512) break;
      }
      const all = Buffer.concat(received).subarray(28);
      expect([all.readUInt32BE(4), all.readUInt32BE(16 + 4)]).toEqual([22, 0]);
      sameBytes(all.subarray(32, 544), pattern(SIZE, 7).subarray(0, 512), 'sector');
    }));
});
