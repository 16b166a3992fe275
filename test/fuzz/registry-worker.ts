import { isVmcraftError } from '@vmcraft/core';
import {
  exportReg,
  formatSddl,
  type Hive,
  type HiveKey,
  type HiveTarget,
  openHive,
  walkKeys,
} from '@vmcraft/format-regf';
import type { PatchedBytes } from './mutate.js';
import { mutateSample } from './mutation-loop.js';

const CHECKSUM_OFFSET = 508;
const MIB = 1024 * 1024;

/** The damaged bytes as a hive that is not in memory, so that pages have to be waited for. */
class DamagedHive implements HiveTarget {
  constructor(protected readonly data: PatchedBytes) {}

  get size(): number {
    return this.data.size;
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return Promise.resolve(this.data.read(offset, length));
  }

  write(offset: number, bytes: Uint8Array): Promise<void> {
    this.data.write(offset, bytes);
    return Promise.resolve();
  }

  truncate(size: number): Promise<void> {
    this.data.size = size;
    return Promise.resolve();
  }
}

/** The same with the right checksum in its base block, so that what the block says is believed. */
class ResealedHive extends DamagedHive {
  override read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = this.data.read(offset, length);
    if (offset > 0 || length < CHECKSUM_OFFSET + 4) return Promise.resolve(bytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    let sum = 0;
    for (let at = 0; at < CHECKSUM_OFFSET; at += 4) sum ^= view.getUint32(at, true);
    view.setUint32(CHECKSUM_OFFSET, sum === 0 ? 1 : sum >>> 0 === 0xffffffff ? 0xfffffffe : sum, true);
    return Promise.resolve(bytes);
  }
}

/** A value or an error of ours, which is as good: one damaged key must not keep others from being read. */
async function attempt(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isVmcraftError(error) || error.code === 'VMC_BUG') throw error;
  }
}

async function readAll(hive: Hive): Promise<void> {
  const keys: HiveKey[] = [];
  await attempt(async () => {
    for await (const { key, values } of walkKeys(hive.root)) {
      if (keys.length < 20) keys.push(key);
      for (const value of values) await attempt(() => value.data);
    }
  });
  await attempt(async () => {
    const part = await hive.key('Values');
    if (part !== undefined) for await (const _ of exportReg(part));
  });
  for (const key of keys) {
    await attempt(() => key.className());
    await attempt(async () => formatSddl((await key.securityDescriptor()) ?? new Uint8Array(0)));
    await attempt(() => key.subkey('Many 17'));
    await attempt(() => key.value('text'));
    await attempt(() => key.parent());
  }
}

async function change(hive: Hive): Promise<void> {
  const { root } = hive;
  await attempt(async () => (await root.createKey('New\\Key')).setValue('data', 'REG_BINARY', new Uint8Array(16_500)));
  await attempt(() => root.setValue('text', 'REG_SZ', 'another'));
  await attempt(() => root.deleteValue('list'));
  await attempt(() => root.deleteSubkey('Many'));
  await attempt(async () => (await hive.key('Values'))?.rename('A longer name than before'));
  await attempt(async () => (await hive.key('Secured'))?.setSecurity('O:SYG:SYD:(A;;KR;;;AU)'));
  await attempt(() => hive.commit());
  await readAll(hive);
}

await mutateSample(async (kind, data, _format, write) => {
  const source = kind === 'resealed' ? new ResealedHive(data) : new DamagedHive(data);
  const hive = await openHive(source, { writable: write, cacheBytes: MIB });
  await readAll(hive);
  if (write) await change(hive);
});
