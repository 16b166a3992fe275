import { join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core/block';
import { fsDriverCompliance, pattern, requireTools } from '@vmcraft/testkit';
import { describe, it } from 'vitest';
import { squashfsDriver } from '../src/index.js';
import { pack, scratch, writeFiles } from './support.js';

const FILES = { 'a/b/deep.bin': pattern(70_001), 'hello.txt': pattern(13, 2), empty: new Uint8Array() };

describe.runIf(requireTools('mksquashfs'))('fs-squashfs', () => {
  const create = async () => {
    const { folder, remove } = scratch();
    writeFiles(join(folder, 'tree'), FILES);
    const device = MemoryDevice.from(pack(folder, join(folder, 'tree'), ['-comp', 'zstd']));
    remove();
    return { driver: squashfsDriver, device, type: 'squashfs', abilities: [], files: FILES };
  };
  fsDriverCompliance({ describe, it }, { name: 'squashfs', create });
});
