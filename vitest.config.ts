import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['@vmcraft/source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['@vmcraft/source', 'node', 'import', 'default'] } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts', 'examples/*/test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    // Boots under emulation, kills at a moment and appliances depend on the clock of a shared machine: a second failure counts.
    retry: process.env.CI === undefined ? 0 : 1,
  },
});
