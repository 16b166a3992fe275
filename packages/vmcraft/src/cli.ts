#!/usr/bin/env node
import module from 'node:module';
import { main } from './cli/dispatch.js';

// Node 22 and later keep compiled code between runs.
(module as { enableCompileCache?: () => unknown }).enableCompileCache?.();

const exitCode = await main(process.argv.slice(2), process.argv[1], async () => {
  const { openCliGuest } = await import('./cli/guest-factory.js');
  return openCliGuest;
});
// Standard input, or a stream that nobody closed, must not keep a finished program alive.
process.exit(exitCode);
