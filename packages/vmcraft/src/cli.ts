import { main } from './cli/dispatch.js';

// Standard input, or a stream that nobody closed, must not keep a finished program alive.
main(process.argv.slice(2), process.argv[1], async () => {
  const { openCliGuest } = await import('./cli/guest-factory.js');
  return openCliGuest;
}).then((exitCode) => process.exit(exitCode));
