import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core/block';
import { fsDriverCompliance, pattern, requireTools } from '@vmcraft/testkit';
import { describe, it } from 'vitest';
import { isoDriver } from '../src/index.js';

const FILES = { 'a/b/deep.bin': pattern(70_001), 'hello.txt': pattern(13, 2), empty: new Uint8Array() };

function image(): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-iso-'));
  for (const [path, data] of Object.entries(FILES)) {
    mkdirSync(dirname(join(folder, 'tree', path)), { recursive: true });
    writeFileSync(join(folder, 'tree', path), data);
  }
  execFileSync('genisoimage', ['-quiet', '-R', '-o', join(folder, 'iso'), join(folder, 'tree')], { stdio: 'ignore' });
  const data = readFileSync(join(folder, 'iso'));
  rmSync(folder, { recursive: true });
  return data;
}

describe.runIf(requireTools('genisoimage'))('fs-iso9660', () => {
  const create = async () => ({
    driver: isoDriver,
    device: MemoryDevice.from(image()),
    type: 'iso9660',
    abilities: [],
    files: FILES,
  });
  fsDriverCompliance({ describe, it }, { name: 'iso9660', create });
});
