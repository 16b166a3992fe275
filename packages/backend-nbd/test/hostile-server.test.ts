import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pattern, rejectsWith } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { NbdClient } from '../src/client.js';

const folder = mkdtempSync(join(tmpdir(), 'vmcraft-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let next = 0;

async function serve(behave: (socket: Socket) => void): Promise<{ server: Server; socket: string }> {
  const socket = join(folder, `s${next++}`);
  const server = createServer((s) => {
    s.on('error', () => undefined);
    behave(s);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return { server, socket };
}

const hello = Buffer.from('4e42444d4147494349484156454f50540003', 'hex');
const optionReply = (option: number, type: number, data: Buffer = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(20);
  head.writeBigUInt64BE(0x0003e889045565a9n);
  head.writeUInt32BE(option, 8);
  head.writeUInt32BE(type, 12);
  head.writeUInt32BE(data.length, 16);
  return Buffer.concat([head, data]);
};
const exportInfo = (size: bigint): Buffer => {
  const data = Buffer.alloc(12);
  data.writeBigUInt64BE(size, 2);
  data.writeUInt16BE(1, 10);
  return data;
};

/** A server that negotiates a plain export, then answers each request with `answer`. */
const negotiating = (answer: (cookie: Buffer, socket: Socket) => void) => (socket: Socket) => {
  socket.write(hello);
  let received: Buffer = Buffer.alloc(0);
  let stage = 0;
  socket.on('data', (data: Buffer) => {
    received = Buffer.concat([received, data]);
    if (stage === 0 && received.length >= 4 + 16) {
      stage = 1;
      received = received.subarray(20);
      socket.write(optionReply(8, 0x80000001));
    }
    if (stage === 1 && received.length >= 16 && received.length >= 16 + received.readUInt32BE(12)) {
      received = received.subarray(16 + received.readUInt32BE(12));
      stage = 2;
      socket.write(Buffer.concat([optionReply(7, 3, exportInfo(1n << 20n)), optionReply(7, 1)]));
    }
    while (stage === 2 && received.length >= 28) {
      answer(Buffer.from(received.subarray(8, 16)), socket);
      received = received.subarray(28);
    }
  });
};

async function rejected(
  behave: (socket: Socket) => void,
  use?: (client: NbdClient) => Promise<unknown>,
): Promise<void> {
  const { server, socket } = await serve(behave);
  try {
    await rejectsWith(async () => {
      const client = await NbdClient.connect({ socket, exportName: '' });
      try {
        await use?.(client);
      } finally {
        await client.close();
      }
    });
  } finally {
    server.close();
  }
}

describe('a server that breaks the protocol', () => {
  it('is refused when it hangs up, talks garbage or claims absurd lengths during negotiation', async () => {
    await rejected((s) => s.end());
    for (let seed = 1; seed <= 50; seed++) await rejected((s) => s.end(Buffer.from(pattern(1 + seed * 7, seed))));
    for (let seed = 1; seed <= 50; seed++)
      await rejected((s) => s.end(Buffer.concat([hello, Buffer.from(pattern(200, seed))])));
    const huge = optionReply(8, 1);
    huge.writeUInt32BE(0xffffffff, 16);
    await rejected((s) => s.end(Buffer.concat([hello, huge])));
    await rejected((s) =>
      s.end(
        Buffer.concat([hello, optionReply(8, 0x80000001), optionReply(7, 3, exportInfo(1n << 60n)), optionReply(7, 1)]),
      ),
    );
  });

  it('fails all requests when a reply is foreign, and none hangs', async () => {
    const replies: ((cookie: Buffer) => Buffer)[] = [
      () => Buffer.from(pattern(16, 3)),
      () => Buffer.concat([Buffer.from('6744669800000000', 'hex'), Buffer.alloc(8, 0xee)]),
      (cookie) => Buffer.concat([Buffer.from('668e33ef00010001', 'hex'), cookie, Buffer.from('7fffffff', 'hex')]),
    ];
    for (const reply of replies) {
      await rejected(
        negotiating((cookie, socket) => socket.end(reply(cookie))),
        async (client) => {
          const results = await Promise.allSettled([client.read(0, 512), client.read(512, 512), client.flush()]);
          expect(results.filter((r) => r.status === 'rejected').length).toBeGreaterThanOrEqual(2);
          await client.read(0, 512);
        },
      );
    }
  });

  it('passes errors on by their name', async () => {
    const { server, socket } = await serve(
      negotiating((cookie, s) => s.write(Buffer.concat([Buffer.from('674466980000001c', 'hex'), cookie]))),
    );
    const client = await NbdClient.connect({ socket, exportName: '' });
    await expect(client.write(0, pattern(0))).rejects.toMatchObject({ code: 'VMC_HOST', data: { errno: 'ENOSPC' } });
    await client.close();
    server.close();
  });
});
