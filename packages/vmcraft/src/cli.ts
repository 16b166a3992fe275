#!/usr/bin/env node
import { main } from './cli/dispatch.js';

const exitCode = await main(process.argv.slice(2), process.argv[1], async () => {
  const { openCliGuest } = await import('./cli/guest-factory.js');
  return openCliGuest;
});
// Standard input, or a stream that nobody closed, must not keep a finished program alive.
process.exit(exitCode);
