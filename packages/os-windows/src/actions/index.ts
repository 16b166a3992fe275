import { driverActions } from './driver-actions.js';
import { hivexActions } from './hivex.js';
import { registryActions } from './registry.js';

/** Every action that this package adds to a session. */
export const windowsActions = [...hivexActions, ...registryActions, ...driverActions] as const;
