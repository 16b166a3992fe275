import { decodePrompt, withoutMarkers } from '../language/terminal-escapes.js';
import type { Personality } from '../personality.js';

const DEFAULT_PROMPT = '><fs> ';

/** The strings of guestfish(1), PROMPT. */
export interface PromptStrings {
  readonly prompt: string;
  /** Printed before the banner. */
  readonly init: string;
  /** Printed before the output of each command. */
  readonly output: string;
  /** Printed before the shell ends. */
  readonly restore: string;
}

/** The prompt and its companions from the environment. */
export function promptStrings(env: NodeJS.ProcessEnv): PromptStrings {
  const read = (name: string): string => withoutMarkers(decodePrompt(env[name] ?? ''));
  return {
    prompt: env.GUESTFISH_PS1 === undefined ? DEFAULT_PROMPT : read('GUESTFISH_PS1'),
    init: read('GUESTFISH_INIT'),
    output: read('GUESTFISH_OUTPUT'),
    restore: read('GUESTFISH_RESTORE'),
  };
}

/** What an interactive shell says first. */
export function banner(personality: Personality): string {
  return personality.guestfish
    ? `
Welcome to guestfish, the guest filesystem shell for
editing virtual machine filesystems and disk images.

Type: ‘help’ for help on commands
      ‘man’ to read the manual
      ‘quit’ to quit the shell

`
    : `
Welcome to the VMCraft shell, for looking into and editing the disks of
virtual machines. It speaks the commands of guestfish.

Type: ‘help’ for help on commands
      ‘man’ to read the manual
      ‘quit’ to quit the shell

`;
}
