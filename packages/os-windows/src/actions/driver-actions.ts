import { arg, Bool, defineAction, OptString, PlainString } from '@vmcraft/core/guest';
import type { InjectOptions } from '../drivers/inject.js';

const directory = arg('directory', PlainString);
const options = { allowunsigned: Bool, disableformer: Bool } as const;

/** Options of the library from those of the shell. */
function injectOptions(given: {
  readonly allowunsigned?: boolean | undefined;
  readonly disableformer?: boolean | undefined;
}): InjectOptions {
  return { allowUnsigned: given.allowunsigned === true, disableFormerDrivers: given.disableformer === true };
}

/** Actions that change or check drivers of a Windows guest. Results are JSON text. */
export const driverActions = [
  defineAction({
    name: 'inject_driver',
    theme: 'windows',
    since: '0.2',
    args: [directory],
    options: { inf: OptString, ...options },
    returns: 'RString',
    doc: 'Put the driver packages of a folder of the host into the mounted Windows, so that it can boot from their devices: files, services, driver database. `inf` names one of several INFs. Everything is checked before anything is written. The result is JSON: packages, files, registry, warnings.',
    run: async (g, path, given) => {
      const { injectDriver } = await import('../drivers/inject-folder.js');
      return JSON.stringify(await injectDriver(g, path, given.inf ?? undefined, injectOptions(given)));
    },
  }),
] as const;
