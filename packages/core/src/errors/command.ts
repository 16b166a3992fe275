import { VmcraftError } from './base.js';

/** A program of the guest ended with another status than 0. */
export class CommandError extends VmcraftError {
  constructor(details: { command: string; status: number; stderr: string }) {
    const text = details.stderr.trim();
    super({
      code: 'VMC_COMMAND',
      message: `${details.command} ended with status ${details.status}${text === '' ? '' : `: ${text}`}`,
      data: details,
    });
  }
}
