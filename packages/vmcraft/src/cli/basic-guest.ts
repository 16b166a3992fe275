import { basicActions } from '@vmcraft/core/guest';
import { openCliGuest } from './guest-factory.js';
import type { GuestFactory } from './shell/guest.js';

/** Sessions with the basic actions: they start faster than with all. */
export const openBasicGuest: GuestFactory = (settings) => openCliGuest(settings, { actions: basicActions });
