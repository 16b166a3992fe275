import { execFileSync } from 'node:child_process';
import { createCipheriv, createHash, randomFillSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core/block';
import type { ContainerTools, StorageContext, Volume } from '@vmcraft/core/contracts';
import { nodeCiphers } from '@vmcraft/core/runtime';
import { luksActivator } from '../src/activator.js';

export const tools = luksActivator().containers as Required<ContainerTools>;
export const warnings: string[] = [];
export const context: StorageContext = {
  keys: { keysFor: async () => [] },
  warn: ({ message }) => void warnings.push(message),
  ciphers: nodeCiphers,
};
export const text = (secret: string): Uint8Array => new TextEncoder().encode(secret);
export const randomBytes = (length: number): Uint8Array => randomFillSync(new Uint8Array(length));

export const open = (
  device: MemoryDevice,
  secret = 'secret',
  more: { readonly header?: MemoryDevice; readonly readonly?: boolean } = {},
): Promise<Volume> =>
  tools.open(
    device,
    { deviceName: '/dev/sda', key: text(secret), volumeName: 'plain', readonly: false, ...more },
    context,
  );

/** A container that lies in a file for cryptsetup, and in memory for us. */
export class ContainerFile implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'vmcraft-luks-'));
  readonly path = join(this.folder, 'image');
  readonly keyFile = join(this.folder, 'key');

  constructor(size: number, secret = 'secret') {
    writeFileSync(this.path, '');
    truncateSync(this.path, size);
    writeFileSync(this.keyFile, secret);
  }

  cryptsetup(...args: readonly string[]): string {
    return execFileSync('cryptsetup', ['-q', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Whether cryptsetup opens the file with a secret, and which slot it says. */
  opensWith(secret: string, more: readonly string[] = []): string | undefined {
    const key = join(this.folder, 'tried');
    writeFileSync(key, secret);
    try {
      const said = this.cryptsetup('open', '--test-passphrase', '-v', '--key-file', key, ...more, this.path);
      return /slot (\d+)/.exec(said)?.[1] ?? said;
    } catch {
      return undefined;
    }
  }

  volumeKey(): Uint8Array {
    const out = join(this.folder, 'volume-key');
    rmSync(out, { force: true });
    this.cryptsetup('luksDump', '--dump-volume-key', '--volume-key-file', out, '--key-file', this.keyFile, this.path);
    return new Uint8Array(readFileSync(out));
  }

  load(): MemoryDevice {
    return MemoryDevice.from(new Uint8Array(readFileSync(this.path)));
  }

  async save(device: MemoryDevice): Promise<void> {
    writeFileSync(this.path, await device.read(0, device.size));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The vector of a sector as dm-crypt.rst describes it. */
function vectorOf(iv: string, key: Uint8Array, sector: number): Buffer {
  const vector = Buffer.alloc(16);
  if (iv === 'null' || iv === '') return vector;
  if (iv === 'plain64be') vector.writeBigUInt64BE(BigInt(sector), 8);
  else if (iv === 'plain') vector.writeUInt32LE(sector % 2 ** 32);
  else vector.writeBigUInt64LE(BigInt(sector));
  if (!iv.startsWith('essiv')) return vector;
  const salt = createHash(iv.split(':')[1] as string)
    .update(key)
    .digest();
  return createCipheriv(`aes-${salt.length * 8}-ecb`, salt, null)
    .setAutoPadding(false)
    .update(vector);
}

/** Encrypt sector by sector with the modes of OpenSSL: none of our own code. */
export function referenceEncrypt(
  cipher: string,
  key: Uint8Array,
  data: Uint8Array,
  options: { readonly sectorSize?: number; readonly firstSector?: number } = {},
): Uint8Array {
  const { sectorSize = 512, firstSector = 0 } = options;
  const [, mode = '', ...rest] = cipher.split('-');
  const bits = (mode === 'xts' ? key.length / 2 : key.length) * 8;
  const out = new Uint8Array(data.length);
  for (let at = 0; at < data.length; at += sectorSize) {
    const vector = vectorOf(rest.join('-'), key, firstSector + at / 512);
    const sector = createCipheriv(`aes-${bits}-${mode}`, key, mode === 'ecb' ? null : vector).setAutoPadding(false);
    out.set(sector.update(data.subarray(at, at + sectorSize)), at);
  }
  return out;
}
