#!/bin/bash
# ntfs3.sh: build the in-kernel driver for NTFS, which Debian's kernel has not, for the kernel that run-in-vm.sh boots, and print where
# it lies. Needs linux-source and the headers of that kernel; 30 s, once for each kernel.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
kver=$(ls /boot/vmlinuz-* | sed 's,.*vmlinuz-,,' | sort -V | tail -1)
cache=${VMCRAFT_VM_CACHE:-$here/../../.cache/vm}/$kver
mkdir -p "$cache"
cache=$(readlink -f "$cache")
if [ ! -s "$cache/ntfs3.ko" ]; then
  source=linux-source-${kver%%.*}.$(echo "$kver" | cut -d. -f2)
  headers=/usr/src/linux-headers-$kver
  [ -e "/usr/src/$source.tar.xz" ] || { echo "/usr/src/$source.tar.xz is missing: apt-get install $source" >&2; exit 1; }
  [ -d "$headers" ] || { echo "$headers is missing: apt-get install linux-headers-amd64" >&2; exit 1; }
  t=$(mktemp -d)
  trap 'rm -rf "$t"' EXIT
  tar -xJf "/usr/src/$source.tar.xz" -C "$t" --strip-components=1 "$source/fs/ntfs3"
  # With CompactOS files; the compiler must be told, as the kernel's own configuration has it not.
  make -C "$headers" "M=$t/fs/ntfs3" CONFIG_NTFS3_FS=m CONFIG_NTFS3_LZX_XPRESS=y KCFLAGS=-DCONFIG_NTFS3_LZX_XPRESS=1 modules >"$t/make.log" 2>&1 ||
    { tail -20 "$t/make.log" >&2; exit 1; }
  strip --strip-debug "$t/fs/ntfs3/ntfs3.ko"
  cp "$t/fs/ntfs3/ntfs3.ko" "$cache/ntfs3.ko.$$"
  mv "$cache/ntfs3.ko.$$" "$cache/ntfs3.ko"
fi
echo "$cache/ntfs3.ko"
