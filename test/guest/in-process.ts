import { defaultPlugins } from 'vmcraft';

/** Plugins that need a kernel or an appliance. */
const HEAVY = ['@vmcraft/fs-host', '@vmcraft/backend-libguestfs'];

/** Options of a guest that is worked on in this process alone, whatever else this host could do. */
export const IN_PROCESS = {
  defaults: false,
  plugins: defaultPlugins.filter(({ name }) => !HEAVY.includes(name)),
} as const;
