import { CapabilityError, isVmcraftError } from '../../errors/index.js';

/** What an action throws that needs something no backend here has. `available` says the same of its group. */
export function unavailable(action: string, reason: string): CapabilityError {
  return new CapabilityError({ capability: action, subject: 'this session', reason, elsewhere: true });
}

/** Whether an action says that it cannot be done here, so that another way may be tried. */
export function isUnavailableHere(error: unknown): boolean {
  return isVmcraftError(error) && error.code === 'VMC_NO_CAPABILITY' && error.data.elsewhere === true;
}
