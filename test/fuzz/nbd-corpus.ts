// What NBD clients and servers say to each other, recorded between real programs.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { NbdClient, serveNbd } from '@vmcraft/backend-nbd';
import { MemoryDevice } from '@vmcraft/core';
import { pattern } from '@vmcraft/testkit';
import type { Sample } from './fuzz-group.js';
import { type Schedule, SIZE, useClient } from './nbd-conversation.js';

const run = promisify(execFile);

interface Recording {
  readonly client: Buffer;
  readonly server: Buffer;
  readonly schedule: Schedule;
}

/** Stand between client and server, and write down what both say on the first connection that chose an export. */
async function record(server: string, proxy: string, use: () => Promise<unknown>): Promise<Recording> {
  const connections: { said: Buffer[]; heard: number; answers: Buffer[]; schedule: [number, number][] }[] = [];
  const middle: Server = createServer((socket) => {
    const talk = { said: [] as Buffer[], heard: 0, answers: [] as Buffer[], schedule: [] as [number, number][] };
    connections.push(talk);
    const other = connect(server);
    for (const end of [socket, other]) end.on('error', () => undefined);
    socket.on('data', (data) => {
      talk.said.push(data);
      talk.heard += data.length;
      other.write(data);
    });
    other.on('data', (data) => {
      talk.answers.push(data);
      talk.schedule.push([talk.heard, data.length]);
      socket.write(data);
    });
    socket.on('close', () => other.end());
    other.on('close', () => socket.end());
  });
  await new Promise<void>((resolve) => middle.listen(proxy, resolve));
  await use();
  await new Promise<void>((resolve) => middle.close(() => resolve()));
  const longest = connections.reduce((a, b) => (b.heard > a.heard ? b : a));
  return { client: Buffer.concat(longest.said), server: Buffer.concat(longest.answers), schedule: longest.schedule };
}

/** Record with several clients, and with the servers that people have. */
export async function makeNbdCorpus(folder: string): Promise<Sample[]> {
  const samples: Sample[] = [];
  const socket = join(folder, 'server');
  const device = MemoryDevice.from(pattern(SIZE, 1));
  let count = 0;
  const keep = async (
    name: string,
    kind: 'client' | 'server',
    use: (uri: string, proxy: string) => Promise<unknown>,
  ) => {
    const proxy = join(folder, `proxy${count++}`);
    const recording = await record(socket, proxy, () => use(`nbd+unix:///?socket=${proxy}`, proxy));
    const path = join(folder, name);
    writeFileSync(path, recording[kind]);
    const format = kind === 'server' ? JSON.stringify(recording.schedule) : 'raw';
    samples.push({ name, kind, format, path });
  };
  const ours = async (_uri: string, proxy: string): Promise<void> => {
    const client = await NbdClient.connect({ socket: proxy, exportName: '' });
    await useClient(client);
    await client.close();
  };
  await using _server = await serveNbd([{ name: '', device, readonly: false }], { listen: { socket } });
  await keep('our client', 'client', ours);
  await keep('our server', 'server', ours);
  await keep('nbdinfo', 'client', (uri) => run('nbdinfo', ['--list', '--json', uri]));
  await keep('nbdinfo --map', 'client', (uri) => run('nbdinfo', ['--map', uri]));
  const work = ['write -P 7 4096 9000', 'read 0 4096', 'write -z 65536 65536', 'discard 262144 65536', 'flush'];
  await keep('qemu-io', 'client', (uri) => run('qemu-io', ['-f', 'raw', ...work.flatMap((c) => ['-c', c]), uri]));
  return samples;
}
