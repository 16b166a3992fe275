#!/usr/bin/env bash
# Rebuild debian.qcow2, the sample guest of `npm run demo`: a disk with just enough of a Debian system to look at and edit.
# No root needed. Uses e2fsprogs, dosfstools, mtools, gdisk, qemu-utils; fixed UUIDs and times, so the result is reproducible.
set -euo pipefail
export LC_ALL=C TZ=UTC PATH="$PATH:/usr/sbin:/sbin" SOURCE_DATE_EPOCH=1700000000 E2FSPROGS_FAKE_TIME=1700000000
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
tree=$work/tree
uuid=0d2e1f3a-5b6c-4d7e-8f90-a1b2c3d4e5f6

mkdir -p "$tree"/{bin,boot/grub,boot/efi,etc/default,etc/ssh,home/ada/notes,root/.ssh,usr/bin,usr/lib,var/lib/dpkg,var/log,tmp}
printf 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n' >"$tree/usr/lib/os-release"
ln -s ../usr/lib/os-release "$tree/etc/os-release"
printf '12.5\n' >"$tree/etc/debian_version"
printf 'sample\n' >"$tree/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 sample\n' >"$tree/etc/hosts"
printf 'Etc/UTC\n' >"$tree/etc/timezone"
printf 'LANG=en_GB.UTF-8\n' >"$tree/etc/default/locale"
printf 'UUID=%s / ext4 errors=remount-ro 0 1\nUUID=5A4D-0001 /boot/efi vfat umask=0077 0 1\n' "$uuid" >"$tree/etc/fstab"
printf 'root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000:Ada Lovelace,,,:/home/ada:/bin/bash\n' >"$tree/etc/passwd"
printf 'PermitRootLogin no\n' >"$tree/etc/ssh/sshd_config"
printf '\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0' >"$tree/bin/bash"
printf 'kernel' >"$tree/boot/vmlinuz-6.1.0-18-amd64"; printf 'initrd' >"$tree/boot/initrd.img-6.1.0-18-amd64"
printf 'set timeout=0\n' >"$tree/boot/grub/grub.cfg"
printf 'Remember the Analytical Engine.\n' >"$tree/home/ada/notes/engine.txt"
for p in base-files:12.4+deb12u5 bash:5.2.15-2+b2 openssh-server:1:9.2p1-2+deb12u2; do
  printf 'Package: %s\nStatus: install ok installed\nArchitecture: amd64\nVersion: %s\nDescription: sample entry\n\n' "${p%%:*}" "${p#*:}"
done >"$tree/var/lib/dpkg/status"
find "$tree" -exec touch -h -d @1700000000 {} +

raw=$work/disk.raw
truncate -s 64M "$raw"
sgdisk -U 0D2E1F3A-0000-4000-8000-000000000000 -n 1:2048:+8M -t 1:ef00 -c 1:ESP -u 1:0D2E1F3A-0000-4000-8000-000000000001 \
  -n 2:0:0 -t 2:8304 -c 2:root -u 2:0D2E1F3A-0000-4000-8000-000000000002 "$raw" >/dev/null
start() { sgdisk -i "$1" "$raw" | sed -n 's/^First sector: \([0-9]*\).*/\1/p'; }
size() { sgdisk -i "$1" "$raw" | sed -n 's/^Partition size: \([0-9]*\).*/\1/p'; }
truncate -s $(($(size 1) * 512)) "$work/esp"; mkfs.fat -n ESP -i 5A4D0001 "$work/esp" >/dev/null
mmd -i "$work/esp" ::EFI ::EFI/debian; printf 'sample' | mcopy -i "$work/esp" - ::EFI/debian/shimx64.efi
truncate -s $(($(size 2) * 512)) "$work/root"
mke2fs -q -t ext4 -F -L root -U "$uuid" -E "hash_seed=$uuid,root_owner=0:0" -d "$tree" "$work/root"
debugfs -w -f - "$work/root" >/dev/null 2>&1 <<DEBUGFS
sif /home/ada uid 1000
sif /home/ada gid 1000
sif /home/ada/notes uid 1000
sif /home/ada/notes gid 1000
sif /home/ada/notes/engine.txt uid 1000
sif /home/ada/notes/engine.txt gid 1000
DEBUGFS
dd if="$work/esp" of="$raw" bs=512 seek="$(start 1)" conv=notrunc,sparse status=none
dd if="$work/root" of="$raw" bs=512 seek="$(start 2)" conv=notrunc,sparse status=none
qemu-img convert -c -f raw -O qcow2 "$raw" "$here/debian.qcow2"
