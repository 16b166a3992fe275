// Starts an appliance, says when, writes, and waits to be killed.
import { plugin as backendImage } from '@vmcraft/backend-image';
import { plugin as backendLibguestfs } from '@vmcraft/backend-libguestfs';
import { allActions } from '@vmcraft/core/actions';
import { callAction } from '@vmcraft/core/guest';
import { addPluginActions, openGuest } from '@vmcraft/core/runtime';

const [path] = process.argv.slice(2) as [string];
const guest = openGuest({ plugins: [backendImage, backendLibguestfs], actions: allActions, backend: 'libguestfs' });
const call = (name: string, ...args: unknown[]) => callAction(guest.session, guest.actions.get(name), args);
await addPluginActions(guest);
await call('add_drive', path, { format: 'raw' });
await call('launch');
process.stdout.write('starting\n');
await call('mount', '/dev/sda1', '/');
process.stdout.write('running\n');
for (let i = 0; ; i++) await call('write', `/file-${i}`, 'x'.repeat(100_000));
