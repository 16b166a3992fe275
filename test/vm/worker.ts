import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/** Bundle a program of this folder with the host helper beside it, as a package has it. Gives the path of the program. */
export async function buildWorker(name: string, folder: string): Promise<string> {
  const program = join(folder, 'dist/worker.mjs');
  mkdirSync(join(folder, 'dist'));
  cpSync(join(import.meta.dirname, '../../packages/fs-host/helper'), join(folder, 'helper'), { recursive: true });
  await build({
    entryPoints: [join(import.meta.dirname, `${name}.ts`)],
    outfile: program,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    conditions: ['@vmcraft/source'],
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    logLevel: 'error',
  });
  return program;
}
