import type { Personality } from '../personality.js';

/** Choices of the command line that the shell keeps while it runs. */
export interface ShellSettings {
  readonly personality: Personality;
  readonly interactive: boolean;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly pipeError: boolean;
  readonly keysFromStdin: boolean;
  readonly echoKeys: boolean;
  readonly completeGuestPaths: boolean;
  /** `-n`: do not commit at the end. */
  readonly autosync: boolean;
  readonly verbose: boolean;
}
