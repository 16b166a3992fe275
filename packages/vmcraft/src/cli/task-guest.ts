import { basicActions } from '@vmcraft/core/guest';
import { openCliGuest } from './guest-factory.js';
import type { GuestFactory } from './shell/guest.js';

/** Sessions for task commands, which start faster with the few actions that they use. */
export const openTaskGuest: GuestFactory = (settings) => openCliGuest(settings, { actions: basicActions });
