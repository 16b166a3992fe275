// Runs in the virtual machine: volumes become devices of its kernel, several at once, again and again. Prints a line of JSON.
import { existsSync, readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { MemoryDevice } from '@vmcraft/core';
import { pattern } from '@vmcraft/testkit';
import { Attachment } from '../../packages/fs-host/src/attachment.js';
import { HostHelper } from '../../packages/fs-host/src/helper.js';
import { hostMeans } from '../../packages/fs-host/src/requirements.js';

const WORKERS = 4;
const SIZE = 256 * 1024;
const rounds = Number(process.argv[2]);
const used = new Map<string, number>();
const paths = new Set<string>();

const means = await hostMeans();
if ('lack' in means) throw new Error(means.lack);

/** Attach, see the right bytes, write, detach, find what was written. */
async function round(helper: HostHelper, seed: number): Promise<void> {
  const device = new MemoryDevice(SIZE);
  await device.write(0, pattern(SIZE, seed));
  const attachment = await Attachment.attach(device, helper, false);
  const { path } = attachment;
  if (used.has(path)) throw new Error(`${path} is two volumes: ${used.get(path)} and ${seed}`);
  used.set(path, seed);
  paths.add(path);
  const file = await open(path, 'r+');
  try {
    const { buffer } = await file.read(new Uint8Array(SIZE), 0, SIZE, 0);
    if (Buffer.compare(buffer, pattern(SIZE, seed)) !== 0) throw new Error(`${path} does not read as volume ${seed}`);
    await file.write(pattern(8192, seed + 1000), 0, 8192, 4096);
    await file.sync();
  } finally {
    await file.close();
  }
  used.delete(path);
  await attachment.close();
  const written = await device.read(4096, 8192);
  if (Buffer.compare(written, pattern(8192, seed + 1000)) !== 0) throw new Error(`volume ${seed} was not written`);
}

const started = performance.now();
const helpers = await Promise.all(Array.from({ length: WORKERS }, () => HostHelper.start(means)));
await Promise.all(
  helpers.map(async (helper, worker) => {
    for (let i = 0; i < rounds; i++) await round(helper, worker * rounds + i + 1);
  }),
);
// One that ends in the middle, as if killed: the kernel lets go of its device.
const left = await Attachment.attach(new MemoryDevice(SIZE), helpers[0] as HostHelper, false);
await Promise.all(helpers.map((helper) => helper.close()));
const connected = (): string[] =>
  readdirSync('/sys/block').filter((name) => name.startsWith('nbd') && existsSync(`/sys/block/${name}/pid`));
for (let i = 0; i < 100 && connected().length > 0; i++) await new Promise((done) => setTimeout(done, 50));
const milliseconds = performance.now() - started;
const report = { way: means.way, paths: [...paths].sort(), left: left.path, connected: connected(), milliseconds };
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exit(0);
