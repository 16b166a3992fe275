#!/usr/bin/env bash
# Build a real Debian 12 guest: GPT, BIOS boot partition, FAT32 ESP, ext4 root, kernel, GRUB for BIOS and UEFI, systemd, ssh.
# usage: build-guest.sh OUT.raw      (root; loop devices, debootstrap, gdisk, dosfstools, mtools, grub-pc-bin, grub-efi-amd64-bin)
# The result has fixed UUIDs. The unpacked system is kept beside OUT as OUT.root.tar and reused.
set -euo pipefail

out=$(readlink -m "$1")
tar="${out%.raw}.root.tar"
root_uuid=6b1f1a1e-0c5d-4d53-9e0a-2f7d0f4b1c01
esp_serial=5EC0FFEE
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
work=$(mktemp -d "${TMPDIR:-/var/tmp}/vmcraft-guest.XXXXXX")
loop=
cleanup() {
  mountpoint -q "$work/mnt" && umount "$work/mnt"
  if [ -n "$loop" ]; then partx -d "$loop" 2>/dev/null || true; losetup -d "$loop"; fi
  rm -rf "$work"
}
trap cleanup EXIT
mkdir -p "$(dirname "$out")"

bootstrap() {
  local root=$work/root
  local packages=systemd-sysv,udev,dbus,init,linux-image-amd64,initramfs-tools,openssh-server,acl,attr,libcap2-bin,iproute2,nano,grub2-common,grub-pc-bin,grub-efi-amd64-bin
  DEBIAN_FRONTEND=noninteractive debootstrap --variant=minbase --include="$packages" bookworm "$root"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
  printf 'debian-guest\n' >"$root/etc/hostname"
  printf 'Europe/Berlin\n' >"$root/etc/timezone"
  ln -sfn /usr/share/zoneinfo/Europe/Berlin "$root/etc/localtime"
  printf 'LANG=C.UTF-8\n' >"$root/etc/default/locale"
  cat >"$root/etc/fstab" <<FSTAB
# /etc/fstab: static file system information.
UUID=$root_uuid /         ext4 errors=remount-ro 0 1
UUID=${esp_serial:0:4}-${esp_serial:4} /boot/efi vfat umask=0077        0 1
FSTAB
  mkdir -p "$root/boot/efi" "$root/boot/grub"
  cat >"$root/boot/grub/grub.cfg" <<CFG
set timeout=0
serial --unit=0 --speed=115200
terminal_output console serial
search --no-floppy --fs-uuid --set=root $root_uuid
menuentry 'Debian GNU/Linux' {
  linux /vmlinuz root=UUID=$root_uuid ro console=tty0 console=ttyS0,115200
  initrd /initrd.img
}
CFG
  echo 'root:vmcraft' | chroot "$root" chpasswd
  chroot "$root" useradd -m -s /bin/bash -c 'Ada Lovelace' ada
  chroot "$root" systemctl enable serial-getty@ttyS0.service ssh.service >/dev/null 2>&1
  install -d -m 0700 "$root/root/.ssh"
  tar --sparse --xattrs --xattrs-include='*' --acls -C "$root" -cf "$tar.part" .
  mv "$tar.part" "$tar"
}

# Things that trip readers: holes, xattrs, ACLs, capabilities, odd names, long links, devices, hard links.
interesting_files() {
  local dir=$1/srv/zoo
  mkdir -p "$dir/deep/a/b/c"
  printf 'data' >"$dir/hard"; ln "$dir/hard" "$dir/hard2"
  truncate -s 5G "$dir/hole"; printf 'end' | dd of="$dir/hole" bs=1 seek=5000000000 conv=notrunc status=none
  ln -s "$(printf 'x%.0s' $(seq 200))" "$dir/longlink"; ln -s ../../etc/hostname "$dir/link"
  printf 'x' >"$dir/$(printf 'caf\303\251 \342\202\254')"; printf 'x' >"$dir/$(printf 'latin\351')"
  setfattr -n user.comment -v 'a value' "$dir/hard"; setfattr -n user.big -v "$(printf 'v%.0s' $(seq 2000))" "$dir/hard"
  setfacl -m u:1000:rwx,g:33:r-x "$dir/deep"; setfacl -d -m u:1000:rwx "$dir/deep"
  cp "$1/bin/true" "$dir/capable"; setcap cap_net_raw+ep "$dir/capable"
  mknod "$dir/null" c 1 3; mknod "$dir/loop" b 7 300; mkfifo "$dir/fifo"
  touch -d '2040-05-06 07:08:09.123456789 UTC' "$dir/future"; touch -d '1950-01-02 03:04:05.5 UTC' "$dir/past"
  chmod 6755 "$dir/capable"; chown 70000:70001 "$dir/future"; setcap cap_net_raw+ep "$dir/capable"
  mkdir "$dir/many"; (cd "$dir/many" && seq -f 'file-%05g' 1 3000 | xargs touch)
}

assemble() {
  rm -f "$out.part"; truncate -s 3G "$out.part"
  sgdisk -U 4D7E0000-1111-4222-8333-444455556666 \
    -n 1:2048:+1M -t 1:ef02 -c 1:bios -u 1:4D7E0001-1111-4222-8333-444455556666 \
    -n 2:0:+100M -t 2:ef00 -c 2:ESP -u 2:4D7E0002-1111-4222-8333-444455556666 \
    -n 3:0:0 -t 3:8304 -c 3:root -u 3:4D7E0003-1111-4222-8333-444455556666 "$out.part" >&2
  loop=$(losetup -f --show "$out.part"); partx -a "$loop"
  mkfs.fat -F 32 -n ESP -i "$esp_serial" "${loop}p2" >/dev/null
  mkfs.ext4 -q -F -L root -U "$root_uuid" "${loop}p3"
  mkdir -p "$work/mnt"; mount "${loop}p3" "$work/mnt"
  tar --sparse --xattrs --xattrs-include='*' --acls --numeric-owner -C "$work/mnt" -xf "$tar"
  interesting_files "$work/mnt"
  grub-install --target=i386-pc --boot-directory="$work/mnt/boot" --modules='part_gpt ext2 search_fs_uuid' "$loop" 2>/dev/null
  printf 'search --no-floppy --fs-uuid --set=root %s\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n' "$root_uuid" >"$work/early.cfg"
  grub-mkimage -O x86_64-efi -o "$work/BOOTX64.EFI" -p /boot/grub -c "$work/early.cfg" \
    part_gpt ext2 fat search search_fs_uuid configfile normal linux serial terminal echo efi_gop all_video
  mmd -i "${loop}p2" ::EFI ::EFI/BOOT; mcopy -i "${loop}p2" "$work/BOOTX64.EFI" ::EFI/BOOT/BOOTX64.EFI
  umount "$work/mnt"; sync "$out.part"
  partx -d "$loop"; losetup -d "$loop"; loop=
  mv "$out.part" "$out"
}

[ -e "$tar" ] || bootstrap
assemble
