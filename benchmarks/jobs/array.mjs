// node array.mjs read DISK...: read an md array from start to end. Prints its length and the time of the reading alone.
// node array.mjs make SLOTS DISK...: make a RAID 5 of so many slots, of which the second stays empty when there are fewer disks, and fill it.
import { randomFillSync } from 'node:crypto';
import { GuestFS } from 'vmcraft';

const RUN = 1 << 20;
const [, , mode, ...args] = process.argv;

async function make(slots, disks) {
  const g = await GuestFS.open(disks.map((path) => ({ path, format: 'raw', transaction: false })));
  const missingbitmap = disks.length < slots ? 2 : 0;
  await g.mdCreate('bench', await g.listDevices(), { level: 'raid5', missingbitmap });
  const { device } = g.session.storage.find('/dev/md127');
  const data = new Uint8Array(3 * RUN);
  for (let at = 0; at < device.size; at += data.length) {
    await device.write(at, randomFillSync(data).subarray(0, device.size - at));
  }
  await g.close();
}

async function read(disks) {
  const g = await GuestFS.open(
    disks.map((path) => ({ path, format: 'raw' })),
    { readonly: true },
  );
  const { device } = g.session.storage.find('/dev/md127');
  const started = performance.now();
  let at = 0;
  for (; at < device.size; at += RUN) await device.read(at, Math.min(RUN, device.size - at), { bulk: true });
  const milliseconds = performance.now() - started;
  process.stdout.write(`${JSON.stringify({ bytes: Math.min(at, device.size), milliseconds })}\n`);
  await g.close();
}

await (mode === 'make' ? make(Number(args[0]), args.slice(1)) : read(args));
