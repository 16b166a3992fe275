import { arg, Bool, defineAction, OptString, PlainString, StringList } from '@vmcraft/core/guest';
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
  defineAction({
    name: 'inject_virtio',
    theme: 'windows',
    since: '0.2',
    args: [arg('path', PlainString)],
    options: { drivers: StringList(PlainString), ...options },
    returns: 'RString',
    doc: 'Put those drivers of a virtio-win tree that suit the mounted Windows into it: `path` is a folder of the host or an image such as `virtio-win.iso`, `drivers` names some of them. The result is JSON, as of `inject_driver`.',
    run: async (g, path, given) => {
      const { injectVirtio } = await import('../drivers/inject-virtio.js');
      const drivers = given.drivers === undefined ? {} : { drivers: given.drivers };
      return JSON.stringify(await injectVirtio(g, path, { ...injectOptions(given), ...drivers }));
    },
  }),
  defineAction({
    name: 'verify_drivers',
    theme: 'windows',
    since: '0.2',
    args: [],
    returns: 'RString',
    doc: 'Prove, without starting it, from which buses the mounted Windows boots: for ide, sata, virtio-blk, virtio-scsi and nvme every link from the hardware id to service, file, start type and catalog is followed. The result is JSON and says what is missing.',
    run: async (g) => JSON.stringify(await (await import('../verify/verify-drivers.js')).verifyDrivers(g)),
  }),
] as const;
