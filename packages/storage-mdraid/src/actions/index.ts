import { makeActions } from './make.js';
import { reportActions } from './reports.js';

/** The theme `md` of the guestfs API. */
export const mdActions = [...reportActions, ...makeActions] as const;
