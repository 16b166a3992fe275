import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { temporaryFolder, tool } from '../../packages/backend-image/test/oracle.js';

const SAMPLE = join(import.meta.dirname, '../../examples/sample-guest/debian.qcow2');

describe.runIf(requireTools('qemu-img'))('an image on which another is based', () => {
  const folder = temporaryFolder();
  const path = (name: string): string => join(folder, name);

  it.each(['qcow2', 'vmdk'])('is read, but not written: %s', async (format) => {
    const base = path(`base.${format}`);
    const child = path(`child.${format}`);
    if (format === 'qcow2') copyFileSync(SAMPLE, base);
    else await tool('qemu-img', 'convert', '-O', format, SAMPLE, base);
    await tool('qemu-img', 'create', '-q', '-f', format, '-b', base, '-F', format, child);
    await GuestFS.with(base, async (g) => expect(await g.listPartitions()).toHaveLength(2), { readonly: true });
    await expect(GuestFS.open(base)).rejects.toMatchObject({
      code: 'VMC_LOCKED',
      message: expect.stringContaining(`it is the backing file of ${child}, which writing would destroy`),
      data: { hint: `open ${child} instead, or a copy of this image` },
    });
  });
});
