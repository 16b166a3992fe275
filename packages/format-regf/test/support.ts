import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { toHex } from '@vmcraft/core/binary';
import { type Hive, type HiveKey, type HiveValue, RegistryType, walkKeys } from '../src/index.js';
import type { ModelKey } from './model.js';

/** The folder of real hives, beside the repository. */
export const DATA = resolve(import.meta.dirname, '../../../../shared/data');

/** The plain bytes of a file of the data folder. */
export function loadFile(file: string): Uint8Array<ArrayBuffer> {
  const raw = readFileSync(resolve(DATA, file));
  return new Uint8Array(file.endsWith('.gz') ? gunzipSync(raw) : raw);
}

/** Run `work` with bytes as a file of the host. */
export function withFile<T>(bytes: Uint8Array, work: (path: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-regf-'));
  try {
    const path = join(folder, 'hive');
    writeFileSync(path, bytes);
    return work(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Standard output of a program; its standard error is dropped, as reglookup warns of every odd value. */
export function output(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'latin1', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
}

function hivexValue({ name, type, raw }: Pick<HiveValue, 'name' | 'type' | 'raw'>): string {
  const head = name === '' ? '@' : `"${name.replace(/[\\"]/g, '\\$&')}"`;
  if (type === RegistryType.REG_DWORD && raw.length === 4) {
    return `${head}=dword:${toHex(raw.slice().reverse())}`;
  }
  const hex = toHex(raw).replace(/..(?!$)/g, '$&,');
  return shorten(`${head}=hex(${type.toString(16)}):${hex}`);
}

/** A long line is told by its start and its hash, so that a difference can be read. */
const shorten = (line: string): string =>
  line.length < 200 ? line : `${line.slice(0, 60)}#${createHash('sha1').update(line).digest('hex')}`;

/**
 * Text that hivexregedit printed: names of one byte a character come as they are, others as UTF-8, in the same line.
 */
export function decodeMixed(latin1: string): string {
  return latin1.replace(/[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}/g, (bytes) =>
    Buffer.from(bytes, 'latin1').toString('utf8'),
  );
}

const byCode = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A hive in a form to compare: one block of text for each key, in the order of their paths, values sorted. */
export async function blocks(start: HiveKey): Promise<string[]> {
  const out: string[] = [];
  for await (const { path, values } of walkKeys(start)) {
    out.push([`[\\${path}]`, ...values.map(hivexValue).sort(byCode)].join('\n'));
  }
  return out.sort(byCode);
}

/** {@link blocks} of a model. */
export function modelBlocks(model: ModelKey, path = ''): string[] {
  const values = [...model.values.values()].map(({ name, type, data }) => hivexValue({ name, type, raw: data }));
  const out = [[`[\\${path}]`, ...values.sort(byCode)].join('\n')];
  for (const child of model.subkeys.values()) {
    out.push(...modelBlocks(child, path === '' ? child.name : `${path}\\${child.name}`));
  }
  return path === '' ? out.sort(byCode) : out;
}

/** {@link blocks} of what `hivexregedit --export` printed, in whatever encoding. */
export function exportedBlocks(text: string): string[] {
  return text
    .split('\n\n')
    .slice(1)
    .map((block) => block.trim())
    .filter((block) => block !== '')
    .map((block) => {
      const [key, ...values] = block.split('\n');
      return [key, ...values.map(shorten).sort(byCode)].join('\n');
    })
    .sort(byCode);
}

/** What hivexregedit says of a hive. */
export function hivexBlocks(bytes: Uint8Array): string[] {
  const text = withFile(bytes, (path) => output('hivexregedit', '--export', path, '\\'));
  return exportedBlocks(decodeMixed(text));
}

/** All of a hive's bytes after a commit. */
export async function committed(hive: Hive): Promise<Uint8Array<ArrayBuffer>> {
  await hive.commit();
  return new Uint8Array(await hive.bytes());
}
