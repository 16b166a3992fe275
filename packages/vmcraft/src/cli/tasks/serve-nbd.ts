import { type NbdExport, type NbdListen, type NbdServer, serveNbd } from '@vmcraft/backend-nbd';
import { UsageError } from '@vmcraft/core/errors';
import type { OpenedGuest } from '../shell/guest.js';
import { type DiskOptions, note, printJson, type TaskContext } from './task-context.js';
import { untilSignal } from './until-signal.js';
import { withGuest } from './with-guest.js';

/** Options of `serve-nbd`. */
export interface ServeOptions extends DiskOptions {
  /** Devices of the guest; the first disk unless given. */
  readonly device: readonly string[];
  readonly socket?: string;
  readonly port?: number;
  readonly bind?: string;
  readonly rw?: boolean;
  /** End when the last client has gone. */
  readonly once?: boolean;
}

const POLL_MS = 50;

/** Serve devices of the guest over NBD until a signal, or the last client's leaving, ends it. What was written is committed then. */
export async function serveTask(context: TaskContext, options: ServeOptions): Promise<void> {
  const listen = listenOn(options);
  await withGuest(context, options, {
    writes: options.rw === true,
    endsOnSignals: true,
    async run(guest) {
      await using server = await serveNbd(await exportsOf(guest, options), { listen });
      if (context.global.json) await printJson(context, { uri: server.uri, rw: options.rw === true });
      else await context.output.write(`${server.uri}\n`);
      await untilOver(server, options.once === true);
      await note(context, 'the server has ended');
    },
  });
}

function listenOn({ socket, port, bind }: ServeOptions): NbdListen {
  if (socket !== undefined && port !== undefined)
    throw new UsageError('give a socket or a port, not both', { argument: '--socket' });
  if (socket !== undefined) return { socket };
  const NBD_PORT = 10809;
  return { port: port ?? NBD_PORT, ...(bind === undefined ? {} : { host: bind }) };
}

async function exportsOf(guest: OpenedGuest, { device, rw }: ServeOptions): Promise<NbdExport[]> {
  const { session } = guest;
  const names = device.length > 0 ? device : session.storage.devices.slice(0, 1).map(({ name }) => name);
  const out: NbdExport[] = [];
  for (const [i, name] of names.entries()) {
    const served = rw === true ? await session.exclusiveDevice(name, 'serve-nbd') : session.device(name).device;
    const common = { device: served, readonly: rw !== true, description: name };
    if (i === 0) out.push({ ...common, name: '' });
    out.push({ ...common, name: name.replace(/^\/dev\//, '') });
  }
  return out;
}

async function untilOver(server: NbdServer, once: boolean): Promise<void> {
  const left = new AbortController();
  const timer = setInterval(() => {
    if (once && server.visitors > 0 && server.clients === 0) left.abort();
  }, POLL_MS);
  await untilSignal(left.signal);
  clearInterval(timer);
}
