import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BlockDevice, isDiscardable } from '@vmcraft/core';
import { requireTools } from '@vmcraft/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { imageBackend } from '../src/index.js';
import { MemoryFiles } from './memory-files.js';
import { temporaryFolder, tool } from './oracle.js';

const SIZE = 300 * 1024 + 512;

type Operation = {
  readonly kind: 'write' | 'discard' | 'flush' | 'reopen';
  readonly offset: number;
  readonly length: number;
};

const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.oneof(
    { weight: 6, arbitrary: fc.constant('write' as const) },
    { weight: 3, arbitrary: fc.constant('discard' as const) },
    { weight: 1, arbitrary: fc.constantFrom('flush' as const, 'reopen' as const) },
  ),
  offset: fc.oneof(
    fc.nat(SIZE - 1),
    fc.nat(70).map((n) => n * 4096),
  ),
  length: fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.constantFrom(4096, 16384, 65536, 100000)),
});

const options = fc.record({
  cluster_size: fc.constantFrom('512', '4096', '16k', '64k'),
  refcount_bits: fc.constantFrom('1', '2', '16', '64'),
  extended_l2: fc.constantFrom('on', 'off'),
});

describe.runIf(requireTools('qemu-img'))('a qcow2 image and its model', () => {
  const folder = temporaryFolder();

  async function apply(device: BlockDevice, model: Uint8Array, op: Operation, fill: number): Promise<void> {
    const end = Math.min(SIZE, op.offset + op.length);
    if (op.kind === 'flush') await device.flush();
    else if (op.kind === 'discard' && isDiscardable(device)) {
      await device.discard(op.offset, end - op.offset);
      model.fill(0, op.offset, end);
    } else if (op.kind === 'write') {
      await device.write(op.offset, new Uint8Array(end - op.offset).fill(fill));
      model.fill(fill, op.offset, end);
    }
  }

  it('agree after any sequence of writes and discards, and qemu-img finds no fault', async () => {
    const sequences = fc.array(operation, { minLength: 1, maxLength: 40 });
    const property = fc.asyncProperty(options, sequences, fc.boolean(), async (chosen, operations, backed) => {
      const o =
        chosen.extended_l2 === 'on' && !/k/.test(chosen.cluster_size) ? { ...chosen, extended_l2: 'off' } : chosen;
      const files = new MemoryFiles();
      const context = { files, warn: () => {} };
      files.put('disk', new Uint8Array(0));
      const base = new Uint8Array(SIZE - 100 * 512).fill(0xba);
      files.put('base.raw', base);
      const backing = backed ? { backingFile: 'base.raw', backingFormat: 'raw' } : {};
      await imageBackend.create!({ path: 'disk', format: 'qcow2', size: SIZE, options: o, ...backing }, context);
      const model = new Uint8Array(SIZE);
      if (backed) model.set(base);
      const open = () => imageBackend.open({ path: 'disk', format: 'qcow2', readonly: false }, context);
      let session = await open();
      for (const [i, op] of operations.entries()) {
        if (op.kind === 'reopen') {
          await session.close();
          session = await open();
        } else await apply(session.device, model, op, (i % 255) + 1);
      }
      expect(Buffer.compare(await session.device.read(0, SIZE), model)).toBe(0);
      await session.close();
      writeFileSync(join(folder, 'disk.qcow2'), files.get('disk'));
      writeFileSync(join(folder, 'base.raw'), base);
      writeFileSync(join(folder, 'model.raw'), model);
      await tool('qemu-img', 'check', '-f', 'qcow2', join(folder, 'disk.qcow2'));
      const compare = ['compare', '-f', 'qcow2', '-F', 'raw', join(folder, 'disk.qcow2'), join(folder, 'model.raw')];
      await tool('qemu-img', ...compare);
    });
    await fc.assert(property, { numRuns: 60, seed: 20240607, endOnFailure: false });
  });
});
