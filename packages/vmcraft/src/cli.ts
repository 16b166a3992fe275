import { main } from './cli/dispatch.js';

main(process.argv.slice(2), process.argv[1], async (actions) =>
  actions === 'basic'
    ? (await import('./cli/basic-guest.js')).openBasicGuest
    : (await import('./cli/full-guest.js')).openFullGuest,
)
  // Standard input, or a stream that nobody closed, must not keep a finished program alive.
  .then((exitCode) => process.exit(exitCode));
