import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FS_ERROR_TEXT } from '@vmcraft/core';
import { describe, expect, it } from 'vitest';

const repository = join(dirname(fileURLToPath(import.meta.url)), '../..');
const page = readFileSync(join(repository, 'docs/reference/errors.md'), 'utf8');
const folder = join(repository, 'packages/core/src/errors');
const sources = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
const codes = [...new Set(sources.flatMap((text) => text.match(/VMC_[A-Z_]+/g) ?? []))].sort();

describe('docs/reference/errors.md', () => {
  it('has an entry for every code, and none that does not exist', () => {
    expect(codes.length).toBeGreaterThan(10);
    expect([...new Set(page.match(/VMC_[A-Z_]+/g))].sort()).toEqual(codes);
    for (const code of Object.keys(FS_ERROR_TEXT)) expect(page).toContain(`\`${code}\``);
  });

  it('names codes that some source outside the error classes throws', () => {
    const thrown = new Set<string>();
    const walk = (path: string): void => {
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        if (['node_modules', 'dist', 'errors'].includes(entry.name)) continue;
        if (entry.isDirectory()) walk(join(path, entry.name));
        else if (entry.name.endsWith('.ts')) {
          for (const m of readFileSync(join(path, entry.name), 'utf8').matchAll(
            /\bnew (\w+Error)\(|CapabilityError\.(readOnly)/g,
          ))
            thrown.add(m[1] ?? 'CapabilityError');
        }
      }
    };
    walk(join(repository, 'packages'));
    const classes = [...page.matchAll(/^\| `[^|]*\| `(\w+Error)`/gm)].map((m) => m[1] as string);
    expect([...new Set(classes)].filter((name) => !thrown.has(name))).toEqual([]);
  });
});
