#!/bin/bash
# nbd-mount.sh IMAGE FILE: what people write on a host with nbd: connect a qcow2, mount it, print one file, take all down.
set -euo pipefail
folder=$(mktemp -d)
qemu-nbd --read-only --connect /dev/nbd0 "$1"
until [ "$(cat /sys/block/nbd0/size)" != 0 ]; do sleep 0.01; done
mount -o ro,nosuid,nodev,norecovery /dev/nbd0 "$folder"
cat "$folder/$2"
umount "$folder"
qemu-nbd --disconnect /dev/nbd0 > /dev/null
rmdir "$folder"
