import { allActions } from '@vmcraft/core/actions';
import { addPluginActions } from '@vmcraft/core/runtime';
import { openCliGuest } from './guest-factory.js';
import type { GuestFactory } from './shell/guest.js';

/** Sessions with every action there is. */
export const openFullGuest: GuestFactory = (settings) =>
  openCliGuest(settings, { actions: allActions, prepare: addPluginActions });
