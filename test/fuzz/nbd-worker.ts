import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NbdClient, serveNbd } from '@vmcraft/backend-nbd';
import { type BlockDevice, MemoryDevice } from '@vmcraft/core';
import type { PatchedBytes } from './mutate.js';
import { mutateSample } from './mutation-loop.js';
import { type Schedule, SIZE, useClient } from './nbd-conversation.js';

/** Most that a server may say for a few hundred bytes of requests: it answers with 32 MiB at the most each time. */
const MAX_ANSWER = 64 << 20;
/** A server that says no more hangs up after this long, milliseconds. */
const PATIENCE = 30;

const folder = mkdtempSync(join(tmpdir(), 'vmcraft-fuzz-nbd-'));
const socket = join(folder, 'nbd');
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const device = MemoryDevice.from(new Uint8Array(SIZE));
const wrong: string[] = [];
/** Says that it can be written, and is served read-only: nobody may get through. */
const sealed: BlockDevice = {
  size: SIZE,
  sectorSize: 512,
  writable: true,
  read: (offset, length) => device.read(offset, length),
  write: async (offset, data) => void wrong.push(`wrote ${data.length} bytes at ${offset}`),
  flush: async () => undefined,
  close: async () => undefined,
};

/** Say to our server what a client said, with damage; then it must serve the next one as if nothing had been. */
async function askServer(data: PatchedBytes, write: boolean): Promise<void> {
  const exports = [{ name: '', device: write ? device : sealed, readonly: !write }];
  await using running = await serveNbd(exports, { listen: { socket } });
  const client = connect(socket);
  let heard = 0;
  client.on('data', (part) => {
    heard += part.length;
  });
  client.on('error', () => undefined);
  const closed = new Promise((resolve) => client.once('close', resolve));
  client.end(data.read(0, data.size));
  await closed;
  if (heard > MAX_ANSWER) wrong.push(`answered with ${heard} bytes`);
  const next = await NbdClient.connect({ socket, exportName: '' });
  await next.read(SIZE - 4096, 4096);
  await next.close();
  if (running.clients > 1) wrong.push(`${running.clients} clients are left`);
}

/** Say to our client what a server said, with damage. */
async function answerClient(data: PatchedBytes, schedule: Schedule): Promise<void> {
  const bytes = data.read(0, data.size);
  const speaker = createServer((peer) => speak(peer, bytes, schedule));
  await new Promise<void>((resolve) => speaker.listen(socket, resolve));
  try {
    const client = await NbdClient.connect({ socket, exportName: '' });
    try {
      await useClient(client);
    } finally {
      await client.close();
    }
  } finally {
    await new Promise<void>((resolve) => speaker.close(() => resolve()));
  }
}

function speak(peer: Socket, bytes: Uint8Array, schedule: Schedule): void {
  let heard = 0;
  let part = 0;
  let at = 0;
  peer.on('error', () => undefined);
  peer.setTimeout(PATIENCE, () => peer.destroy());
  const go = (): void => {
    for (; part < schedule.length; part++) {
      const [needed, length] = schedule[part] as readonly [number, number];
      if (needed > heard) return;
      peer.write(bytes.subarray(at, at + length));
      at += length;
    }
  };
  peer.on('data', (data) => {
    heard += data.length;
    go();
  });
  go();
}

await mutateSample(async (kind, data, format, write) => {
  if (kind === 'client') await askServer(data, write);
  else await answerClient(data, JSON.parse(format) as Schedule);
  if (wrong.length > 0) throw new Error(wrong.join(', '));
});
