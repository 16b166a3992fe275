# Runs in the virtual machine: mounts and activates what was written outside, with the kernel and its tools. Prints a section for each
# subject; `failed` in it says that something went wrong. Disks: /dev/vda partitions, vdb LVM, vdc LUKS, vdd and vde thin volumes, vdf
# BitLocker volumes of BITLK_SIZE bytes each, vdg to vdi linear and mirrored volumes, vdj to vdo RAID.
set -u
mkdir -p /run/m
section() { echo "== $1"; shift; "$@" 2>&1 || echo "failed: $*"; }
sums() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }

# TYPE DEVICE: read everything, then let the kernel write, for the other side to read.
mounted() {
  local type=$1
  # Debian's kernel has no driver for NTFS; ntfs3.sh built this one, where it could.
  if [ "$type" = ntfs ]; then
    type=ntfs-3g
    [ -z "$NTFS3" ] || { type=ntfs3 && insmod "$NTFS3"; } || return 1
  fi
  echo "driver $type"
  mount -t "$type" "$2" /run/m || return 1
  sums /run/m
  mkdir /run/m/folder/kernel && head -c 1000000 /dev/zero | tr '\0' k > /run/m/folder/kernel/written &&
    rm /run/m/folder/small.txt && mv /run/m/folder/file-1 /run/m/renamed || echo failed: writing
  [ "$1" != ntfs ] || ntfs_more || echo failed: writing more
  umount /run/m
}

# What only the driver of NTFS shows: links, and directories whose index takes many blocks, before and after.
ntfs_more() {
  (cd /run/m && find . -type l -printf 'link %p %l\n' && stat -c 'names %h %n' folder/in/a/folder/large.bin &&
    rm many/file-1* &&
    # No more than were removed: on small volumes, also those of mkntfs, this driver finds no room for a longer $MFT.
    for i in $(seq 280); do echo "$i" > "many/of the kernel $i"; done &&
    truncate -s 300000 folder/in/a/folder/large.bin && echo end >> folder/in/a/folder/large.bin &&
    mv many "folder/moved" && ln "/run/m/A name that needs a long entry, or two.text" folder/linked &&
    echo after && sums .)
}

lvm_volume() {
  vgchange -qq --config "$LVM" -ay vmcraft || return 1
  sha256sum < /dev/vmcraft/data
  mount -t ext4 -o ro /dev/vmcraft/data /run/m && sums /run/m && umount /run/m
  vgchange -qq --config "$LVM" -an vmcraft
}

luks() {
  printf secret | cryptsetup open --key-file - /dev/vdc plain || return 1
  sha256sum < /dev/mapper/plain
  mount -t ext4 -o ro /dev/mapper/plain /run/m && sums /run/m && umount /run/m
  cryptsetup close plain
}

thin() {
  vgchange -qq --config "$LVM" -ay -K "$THIN_GROUP" || return 1
  for volume in $THIN_VOLUMES; do echo "$volume $(sha256sum < "$volume" | cut -d' ' -f1)"; done
  vgchange -qq --config "$LVM" -an "$THIN_GROUP"
}

# GROUP VOLUME...: what each holds, and how many sectors its copies or parity do not agree about.
group() {
  local group=$1 volume name mismatches
  shift
  vgck --config "$LVM" "$group" || return 1
  vgchange -qq --config "$LVM" -ay "$group" || return 1
  for volume; do
    name=$(dmsetup info -c --noheadings -o name "$volume")
    mismatches=-
    if dmsetup status "$name" | grep -q ' raid raid[14-9]' && dmsetup message "$name" 0 check; then
      for _ in $(seq 300); do
        set -- $(dmsetup status "$name")
        [ "$8" = idle ] && break
        sleep 0.1
      done
      mismatches=$9
    fi
    echo "$volume $(sha256sum < "$volume" | cut -d' ' -f1) $mismatches"
  done
  vgchange -qq --config "$LVM" -an "$group"
}

# What lvm2 says of the headers and the metadata of every physical volume.
pvcks() {
  for device in /dev/vd[d-e] /dev/vd[g-o]; do
    pvck -qq --config "$LVM" "$device" && pvck --config "$LVM" --dump headers "$device" | grep -c 'mda_header_1.checksum' || return 1
  done
}

bitlk() {
  local i=0 loop
  while [ $i -lt "$BITLK_COUNT" ]; do
    loop=$(losetup -f --show -r -o $((i * BITLK_SIZE)) --sizelimit "$BITLK_SIZE" /dev/vdf) || return 1
    cryptsetup open --type bitlk --readonly --key-file "$BITLK_KEY" "$loop" bitlk || return 1
    sha256sum < /dev/mapper/bitlk | cut -d' ' -f1
    cryptsetup close bitlk && losetup -d "$loop"
    i=$((i + 1))
  done
}

# The kernel's nbd with qemu's server, on a copy-on-write image of the partitions.
nbd() {
  qemu-img create -q -f qcow2 -F raw -b /dev/vda /run/overlay.qcow2 &&
    qemu-nbd --connect=/dev/nbd0 -f qcow2 /run/overlay.qcow2 || return 1
  for _ in $(seq 100); do [ "$(cat /sys/block/nbd0/size)" -gt 0 ] && break; sleep 0.1; done
  blockdev --rereadpt /dev/nbd0
  mount -t ext4 -o ro /dev/nbd0p4 /run/m && sums /run/m && umount /run/m
  qemu-nbd --disconnect /dev/nbd0 > /dev/null
  for _ in $(seq 100); do [ -e /sys/block/nbd0/pid ] || break; sleep 0.1; done
  [ ! -e /sys/block/nbd0/pid ]
}

LVM='activation{udev_sync=0 udev_rules=0 monitoring=0} devices{use_devicesfile=0} backup{backup=0 archive=0}'
i=0
for type in vfat exfat ntfs ext4; do i=$((i + 1)); section "mount $type" mounted $type /dev/vda$i; done
section nbd nbd
section lvm lvm_volume
section luks luks
section thin thin
section bitlk bitlk
section linear group $LINEAR_VOLUMES
section raid group $RAID_VOLUMES
section pvck pvcks
section end true
