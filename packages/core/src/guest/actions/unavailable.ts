import { CapabilityError } from '../../errors/index.js';

/** What an action throws that needs something no backend here has. `available` says the same of its group. */
export function unavailable(action: string, reason: string): CapabilityError {
  return new CapabilityError({ capability: action, subject: 'this session', reason });
}
