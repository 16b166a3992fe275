import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { FORMAT_PAGES, formatPages } from './format-images.js';

const repository = join(dirname(fileURLToPath(import.meta.url)), '../..');
const run = promisify(execFile);

/** Pages whose examples must work as printed, in a folder that has `disk.qcow2` and `key.pub`, or the disks of a stack or a format. */
const guides = readdirSync(join(repository, 'docs/guide')).filter((name) => name.endsWith('.md'));
const pages = ['README.md', ...guides.map((name) => `docs/guide/${name}`), ...formatPages()];

interface Block {
  readonly language: string;
  readonly text: string;
  readonly line: number;
}

function blocks(page: string): Block[] {
  const text = readFileSync(join(repository, page), 'utf8');
  return [...text.matchAll(/^```(\w+)([^\n]*)\n([\s\S]*?)^```$/gm)]
    .filter((m) => !(m[2] as string).includes('not-run'))
    .map((m) => ({ language: m[1] as string, text: m[3] as string, line: text.slice(0, m.index).split('\n').length }));
}

/** The three disks of a guest with LVM on LUKS on RAID, as qcow2. */
async function unpackStack(folder: string): Promise<void> {
  for (const n of [1, 2, 3]) {
    const raw = join(folder, 'raw');
    writeFileSync(raw, gunzipSync(readFileSync(join(repository, `test/stacks/fixtures/stack-${n}.img.gz`))));
    await run('qemu-img', ['convert', '-O', 'qcow2', raw, join(folder, `stack-${n}.qcow2`)]);
  }
}

async function inGuestFolder<T>(page: string, body: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-test-'));
  try {
    copyFileSync(join(repository, 'examples/sample-guest/debian.qcow2'), join(folder, 'disk.qcow2'));
    copyFileSync(join(repository, 'examples/sample-guest/debian.qcow2'), join(folder, 'debian.qcow2'));
    writeFileSync(join(folder, 'key.pub'), 'ssh-ed25519 AAAA example\n');
    if (page === 'docs/guide/stacks.md') await unpackStack(folder);
    await FORMAT_PAGES[page]?.make(folder);
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Run a TypeScript example as a program of its own. */
async function runScript(text: string, folder: string): Promise<string> {
  const outfile = join(folder, 'example.mjs');
  await build({
    stdin: { contents: text, loader: 'ts', resolveDir: join(repository, 'test'), sourcefile: 'example.ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['@vmcraft/source'],
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    logLevel: 'error',
  });
  return (await run(process.execPath, [outfile], { cwd: folder })).stdout;
}

/** Lines of a shell example that are one `vmcraft` command each, without comments; interactive ones are left out. */
function commands(text: string): string[] {
  const joined = text.replace(/\\\n\s*/g, ' ');
  return joined
    .split('\n')
    .filter((line) => /^(\$ )?vmcraft /.test(line))
    .map((line) => line.replace(/^\$ /, '').replace(/\s{2,}#.*$/, ''));
}

const isInteractive = (command: string): boolean => /^vmcraft --r[ow] .* -i$/.test(command);

describe('examples in the documentation', () => {
  for (const page of pages) {
    for (const block of blocks(page)) {
      if (block.language === 'ts') {
        it(`${page}:${block.line} runs`, () =>
          inGuestFolder(page, async (folder) => expect(await runScript(block.text, folder)).not.toBe('')));
      }
      if (block.language === 'sh' || block.language === 'console') {
        for (const command of commands(block.text).filter((c) => !isInteractive(c))) {
          it(`${page}:${block.line} ${command}`, () =>
            inGuestFolder(page, async (folder) => {
              const { stderr } = await run(
                'sh',
                ['-c', command.replace(/^vmcraft/, `"${join(repository, 'bin/vmcraft')}"`)],
                { cwd: folder },
              );
              expect(stderr).not.toMatch(/error/i);
            }));
        }
      }
    }
  }

  it('finds examples to run', () => {
    expect(pages.flatMap(blocks).filter((b) => b.language === 'ts').length).toBeGreaterThan(0);
  });
});
