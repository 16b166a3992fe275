import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GuestFS } from 'vmcraft';
import { debianGuest, GUEST_IMAGE, GUEST_NEEDS } from './guest-image.js';

/** What building the encrypted guest needs. */
export const CRYPT_NEEDS = [...GUEST_NEEDS, 'python3', 'unshare', 'qemu-storage-daemon'];
/** Passphrase of its volume. */
export const PASSPHRASE = 'correct horse';

const GIB = 1024 ** 3;
const SECTOR = 512;
const BOOT_END = 600 * 1024 * 1024;
const IMAGE = join(dirname(GUEST_IMAGE), 'crypt.raw');

/** What makes the guest open its own root: the key is in its initramfs, so that a boot needs nobody at the keyboard. */
const SETUP = `
set -e
export DEBIAN_FRONTEND=noninteractive
mkdir -p /etc/keys /etc/cryptsetup-initramfs
printf 'crypt UUID=%s /etc/keys/root.key luks,initramfs\\n' "$LUKS" > /etc/crypttab
printf '%s' '${PASSPHRASE}' > /etc/keys/root.key
chmod 400 /etc/keys/root.key
apt-get update
apt-get install -y --no-install-recommends cryptsetup-initramfs lvm2
printf 'KEYFILE_PATTERN=/etc/keys/*.key\\nUMASK=0077\\n' > /etc/cryptsetup-initramfs/conf-hook
update-initramfs -u
apt-get clean
`;

/**
 * A Debian guest whose root is an LV in a LUKS container, /boot beside it: made by our own functions from the system of the plain guest,
 * and by the guest's own programs. Built once and kept until its recipe changes. Never write to it.
 */
export async function cryptGuest(): Promise<string> {
  await debianGuest();
  const recipe = createHash('sha256')
    .update(readFileSync(fileURLToPath(import.meta.url)))
    .digest('hex');
  const stamp = join(dirname(IMAGE), 'crypt.recipe');
  if (existsSync(IMAGE) && existsSync(stamp) && readFileSync(stamp, 'utf8') === recipe) return IMAGE;
  const fresh = `${IMAGE}.part`;
  writeFileSync(fresh, '');
  truncateSync(fresh, 3 * GIB);
  await GuestFS.with(fresh, assemble, { format: 'raw', transaction: false });
  renameSync(fresh, IMAGE);
  writeFileSync(stamp, recipe);
  return IMAGE;
}

async function assemble(g: GuestFS): Promise<void> {
  await g.partInit('/dev/sda', 'gpt');
  await g.partAdd('/dev/sda', 'p', 2048, BOOT_END / SECTOR - 1);
  await g.partAdd('/dev/sda', 'p', BOOT_END / SECTOR, (3 * GIB) / SECTOR - 2048);
  await g.mkfs('ext4', '/dev/sda1');
  await g.luksFormat('/dev/sda2', PASSPHRASE, 0);
  await g.luksOpen('/dev/sda2', PASSPHRASE, 'crypt');
  await g.call('pvcreate', '/dev/mapper/crypt');
  await g.call('vgcreate', 'vg', ['/dev/mapper/crypt']);
  await g.call('lvcreate', 'root', 'vg', 2000);
  await g.mkfs('ext4', '/dev/vg/root');
  await g.mount('/dev/vg/root', '/');
  await g.mkdir('/boot');
  await g.mount('/dev/sda1', '/boot');
  await g.tarIn(join(dirname(GUEST_IMAGE), 'guest.root.tar'), '/', { xattrs: true, acls: true });
  const boot = await g.vfsUuid('/dev/sda1');
  await g.write('/etc/fstab', `/dev/vg/root / ext4 errors=remount-ro 0 1\nUUID=${boot} /boot ext4 defaults 0 2\n`);
  await g.write('/etc/hostname', 'crypt-guest\n');
  const env = { LUKS: await g.vfsUuid('/dev/sda2') };
  await g.session.exclusive(() => g.session.commands.output(['/bin/sh', '-c', SETUP], { env, network: true }));
}
