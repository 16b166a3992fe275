import { main } from './cli/dispatch.js';

main(process.argv.slice(2), process.argv[1], async (use) =>
  use === 'task'
    ? (await import('./cli/task-guest.js')).openTaskGuest
    : (await import('./cli/shell-guest.js')).openShellGuest,
)
  // Standard input, or a stream that nobody closed, must not keep a finished program alive.
  .then((exitCode) => process.exit(exitCode));
