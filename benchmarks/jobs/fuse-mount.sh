#!/bin/bash
# fuse-mount.sh IMAGE FILE: what people write on a host without nbd: show a qcow2 as a file, mount it, print one file, take all down.
set -euo pipefail
folder=$(mktemp -d)
: > "$folder/disk"
mkdir "$folder/mount"
qemu-storage-daemon --blockdev "driver=file,node-name=file,filename=$1" --blockdev driver=qcow2,node-name=disk,file=file \
  --export "type=fuse,id=export,node-name=disk,mountpoint=$folder/disk,writable=on" &
until [ -s "$folder/disk" ]; do sleep 0.01; done
mount -o loop,ro,nosuid,nodev "$folder/disk" "$folder/mount"
cat "$folder/mount/$2"
umount "$folder/mount"
kill $!
wait $! || :
rm "$folder/disk"
rmdir "$folder/mount" "$folder"
