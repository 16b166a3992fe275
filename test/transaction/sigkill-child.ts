import { TransactionalFiles } from '@vmcraft/core';
import { NodeHostFiles } from '../../packages/core/src/runtime/node-host-files.js';
import { writeGeneration } from './generations.js';

/** Commits one generation after the other, and says so, until it is killed. */
async function main(folder: string, first: number): Promise<void> {
  const files = new TransactionalFiles(new NodeHostFiles({ scratchFolder: folder }), { memoryLimit: 256 * 1024 });
  for (let generation = first; ; generation++) {
    await writeGeneration(files, folder, generation);
    process.stdout.write(`commit ${generation}\n`);
    await files.commit();
    process.stdout.write(`done ${generation}\n`);
  }
}

await main(process.argv[2]!, Number(process.argv[3]));
