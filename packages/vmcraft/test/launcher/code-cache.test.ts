import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeCacheFolder, readCompiledCode, writeCompiledCode } from '../../src/launcher/code-cache.js';

const code = {
  program: './program-ABC.js',
  compiledBytes: 1234,
  parts: new Map([
    ['./a.js', Uint8Array.of(1, 2, 3)],
    ['./b.js', new Uint8Array(1000).fill(7)],
  ]),
};

describe('the folder of compiled code', () => {
  it('is that of the user', () => {
    expect(codeCacheFolder({ HOME: '/home/a' }, 'linux')).toBe('/home/a/.cache/vmcraft/code');
    expect(codeCacheFolder({ HOME: '/home/a', XDG_CACHE_HOME: '/c' }, 'linux')).toBe('/c/vmcraft/code');
    expect(codeCacheFolder({ HOME: '/Users/a' }, 'darwin')).toBe('/Users/a/Library/Caches/vmcraft/code');
  });

  it('is none where there is no absolute path, or Node is told to keep none', () => {
    expect(codeCacheFolder({ XDG_CACHE_HOME: 'relative' }, 'linux')).toBeUndefined();
    expect(codeCacheFolder({}, 'win32')).toBeUndefined();
    expect(codeCacheFolder({ HOME: '/home/a', NODE_DISABLE_COMPILE_CACHE: '1' }, 'linux')).toBeUndefined();
  });
});

describe('compiled code', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-code-'));
    path = join(folder, 'vmcraft/code/cat');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('comes back as it was kept', () => {
    writeCompiledCode(path, code);
    const kept = readCompiledCode(path, code.program);
    expect(kept?.compiledBytes).toBe(1234);
    expect([...(kept?.parts.keys() ?? [])]).toEqual(['./a.js', './b.js']);
    expect(kept?.parts.get('./b.js')).toHaveLength(1000);
    expect(readdirSync(join(folder, 'vmcraft/code'))).toEqual(['cat']);
  });

  it('is not used for another program', () => {
    writeCompiledCode(path, code);
    expect(readCompiledCode(path, './program-DEF.js')).toBeUndefined();
  });

  it('is not used when it was cut, lengthened, or is something else', () => {
    writeCompiledCode(path, code);
    const bytes = readFileSync(path);
    for (const wrong of [bytes.subarray(0, -1), Buffer.concat([bytes, bytes]), Buffer.alloc(0), Buffer.alloc(5000)]) {
      writeFileSync(path, wrong);
      expect(readCompiledCode(path, code.program)).toBeUndefined();
    }
    rmSync(path);
    mkdirSync(path);
    expect(readCompiledCode(path, code.program)).toBeUndefined();
  });

  it('is not used when others may write it, nor kept where they may', () => {
    writeCompiledCode(path, code);
    chmodSync(path, 0o666);
    expect(readCompiledCode(path, code.program)).toBeUndefined();
    const shared = join(folder, 'shared');
    mkdirSync(shared);
    chmodSync(shared, 0o777);
    writeCompiledCode(join(shared, 'vmcraft/code/cat'), code);
    expect(existsSync(join(shared, 'vmcraft'))).toBe(false);
  });
});
