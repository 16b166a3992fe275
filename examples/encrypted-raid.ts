/**
 * Make the disks of a server: a RAID 1 of two images, encrypted, with a volume group on it and two file systems in that. Nothing of the
 * host is needed: no root, no md, no device mapper.
 *
 *     PASSPHRASE=… node encrypted-raid.js disk1.qcow2 disk2.qcow2
 *
 * Prints the stack, one device a line.
 */
import { GuestFS } from 'vmcraft';

const disks = process.argv.slice(2);
const { PASSPHRASE: passphrase } = process.env;
if (disks.length !== 2 || passphrase === undefined) throw new Error('usage: PASSPHRASE=… encrypted-raid DISK DISK');

// Both disks are changed at one point, when the session is closed; an error on the way changes neither.
await GuestFS.with(disks, async (g) => {
  for (const disk of ['/dev/sda', '/dev/sdb']) {
    await g.partInit(disk, 'gpt');
    await g.partAdd(disk, 'primary', 2048, -2048);
  }
  await g.mdCreate('data', ['/dev/sda1', '/dev/sdb1'], { level: 'raid1' });
  await g.luksFormat('/dev/md/data', passphrase, 0);
  await g.cryptsetupOpen('/dev/md/data', passphrase, 'data');
  await g.pvcreate('/dev/mapper/data');
  await g.vgcreate('server', ['/dev/mapper/data']);
  await g.lvcreate('root', 'server', 64);
  await g.lvcreateFree('home', 'server', 100);
  await g.mkfs('ext4', '/dev/server/root', { label: 'root' });
  await g.mkfs('ext4', '/dev/server/home', { label: 'home' });
  await g.mount('/dev/server/root', '/');
  await g.mkdir('/etc');
  await g.write('/etc/hostname', 'server\n');
});

// Whoever opens them next needs the passphrase alone: the layers are found.
await using g = await GuestFS.open(disks, { readonly: true, keys: [passphrase] });
for (const [device, type] of Object.entries(await g.listFilesystems())) console.log(device, type);
await g.mountRo('/dev/server/root', '/');
console.log((await g.cat('/etc/hostname')).trim());
