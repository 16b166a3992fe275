#!/bin/bash
# run-in-vm.sh [options] CMD [ARG...]  -- run a command as root in a throw-away Linux VM (QEMU TCG, no KVM needed).
#
# The VM runs Debian's kernel (/boot) on this machine's own files: / over 9p, read-only, below a tmpfs
# overlay, so everything installed here is installed there and nothing it writes survives, save below
# the shared folders, which are the host's own at the same path. Standard output and standard error
# come through separately; the exit status is the command's (124: ran past -t, 125: the VM itself failed).
#   -m MIB     memory (1024)           -c N      virtual CPUs (2)
#   -t SEC     time limit (600)        -C DIR    working directory (here)
#   -s DIR     writable shared folder; repeatable
#   -d FILE    raw file as a virtio disk (/dev/vda, ...); repeatable
#   -M LIST    modules to modprobe first ("dm-crypt raid1 ..."; nbd, dm-mod and loop are always there)
#   -e K=V     environment variable; repeatable
#   -u         run systemd-udevd inside    -n   user-mode network (the host is 10.0.2.2)
#   -v         print timings and the kernel's log to stderr    -k KVER  kernel (newest in /boot)
#   -K DIR     take kernel and modules from DIR/boot and DIR/lib/modules (an unpacked linux-image package)
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
mem=1024 cpus=2 limit=600 dir=$PWD udev='' net='' verbose='' mods='' kver='' kroot='' shares=() disks=() env=()
while getopts m:c:t:C:s:d:M:e:k:K:unvh o; do case $o in
  m) mem=$OPTARG;; c) cpus=$OPTARG;; t) limit=$OPTARG;; C) dir=$OPTARG;; s) shares+=("$(readlink -f "$OPTARG")");;
  d) disks+=("$OPTARG");; M) mods=$OPTARG;; e) env+=("$OPTARG");; k) kver=$OPTARG;; K) kroot=$(readlink -f "$OPTARG");; u) udev=1;; n) net=1;; v) verbose=1;;
  *) sed -n '2,/^set/{/^#/s/^# \?//p}' "$0"; exit 2;; esac; done
shift $((OPTIND-1)); [ $# -gt 0 ] || { echo "run-in-vm: no command" >&2; exit 2; }
[ -n "$kver" ] || kver=$(ls "$kroot"/boot/vmlinuz-* | sed 's,.*vmlinuz-,,' | sort -V | tail -1)

# Built once per kernel: the unpacked kernel (PVH entry, saves ~4 s of decompression) and a 4 MB initramfs.
cache=${VMCRAFT_VM_CACHE:-$here/../../.cache/vm}/$kver; mkdir -p "$cache"
if [ ! -s "$cache/vmlinux" ]; then
  python3 - "$kroot/boot/vmlinuz-$kver" "$cache/vmlinux.$$" <<'PY'
import lzma, struct, subprocess, sys
d = open(sys.argv[1], 'rb').read()
off, size = struct.unpack_from('<II', d, 0x248)          # setup header: payload offset and length
off += ((d[0x1f1] or 4) + 1) * 512
p = d[off:off + size]
if p[:6] == b'\xfd7zXZ\0': v = lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(p)
else: v = subprocess.run(['zstd', '-dcq'], input=p[:-4], stdout=subprocess.PIPE).stdout  # the last 4 bytes are its size
assert v[:4] == b'\x7fELF'
open(sys.argv[2], 'wb').write(v)
PY
  mv "$cache/vmlinux.$$" "$cache/vmlinux"
fi
if [ ! -s "$cache/initrd" ] || [ "$here/guest/stage1.sh" -nt "$cache/initrd" ]; then
  t=$(mktemp -d); mkdir -p "$t"/{bin,dev,proc,sys,mods,lo,rw,new}; cp /bin/busybox "$t/bin/"; cp "$here/guest/stage1.sh" "$t/init"; chmod +x "$t/init"
  for m in virtio_pci 9p 9pnet_virtio overlay virtio_console nbd dm-mod loop ; do
    modprobe ${kroot:+-d "$kroot"} -S "$kver" --show-depends $m | awk '$1=="insmod"{print $2}'; done | awk '!s[$0]++' | while read -r f; do
    case $f in *.xz) xz -dc "$f" > "$t/mods/$(basename "$f" .xz)";; *) cp "$f" "$t/mods/";; esac; basename "$f" .xz >> "$t/mods/order"; done
  (cd "$t" && find . | cpio -o -H newc --quiet) > "$cache/initrd.$$"; mv "$cache/initrd.$$" "$cache/initrd"; rm -r "$t"
fi

ctl=$(mktemp -d /tmp/vmcraft-vm.XXXXXX); qpid=''
trap '[ -z "$qpid" ] || kill $qpid 2>/dev/null || :; rm -rf "$ctl"' EXIT
cp "$here/guest/stage2.sh" "$ctl/init2"; : > "$ctl/shares"; : > "$ctl/console"
for s in "${shares[@]}"; do echo "$s" >> "$ctl/shares"; done
[ -z "$udev" ] || : > "$ctl/udev"
[ -z "$kroot" ] || echo "$kroot/lib/modules/$kver" > "$ctl/modules"
[ ${#disks[@]} = 0 ] || mods="virtio_blk $mods"
[ -z "$net" ] || mods="virtio_net $mods"
{ [ -z "$mods" ] || echo "modprobe -a $mods"
  [ -z "$net" ] || echo 'ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2; echo nameserver 10.0.2.3 > /etc/resolv.conf'
  for e in "${env[@]}"; do printf 'export %q\n' "$e"; done
  printf 'cd %q || exit 125\nexec' "$dir"; printf ' %q' "$@"; echo; } > "$ctl/cmd"
q=(-M q35 -accel tcg,thread=multi -smp "$cpus" -m "$mem" -nodefaults -no-user-config -display none -no-reboot
  -kernel "$cache/vmlinux" -initrd "$cache/initrd" -append "console=ttyS0 ${verbose:+loglevel=5 }${verbose:-quiet }panic=-1 no_timer_check trace_clock=local mitigations=off random.trust_cpu=on"
  -chardev file,id=con,path="$ctl/console" -serial chardev:con
  -fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap -device virtio-9p-pci,fsdev=root,mount_tag=hostroot
  -fsdev local,id=ctl,path="$ctl",security_model=none,multidevs=remap -device virtio-9p-pci,fsdev=ctl,mount_tag=vmctl
  -device virtio-serial-pci -chardev file,id=out,path=/dev/fdset/1,append=on -add-fd fd=3,set=1 -device virtserialport,chardev=out,name=out
  -chardev file,id=err,path=/dev/fdset/2,append=on -add-fd fd=4,set=2 -device virtserialport,chardev=err,name=err
  -device virtio-rng-pci)
i=0; for s in "${shares[@]}"; do q+=(-fsdev local,id=s$i,path="$s",security_model=none,multidevs=remap -device virtio-9p-pci,fsdev=s$i,mount_tag=share$i); i=$((i+1)); done
i=0; for f in "${disks[@]}"; do q+=(-drive if=none,id=d$i,format=raw,cache=unsafe,file="$f" -device virtio-blk-pci,drive=d$i); i=$((i+1)); done
[ -z "$net" ] || q+=(-netdev user,id=n -device virtio-net-pci,netdev=n)
t0=$(date +%s.%N)
exec 3>&1 4>&2
timeout -k 5 "$limit" qemu-system-x86_64 "${q[@]}" </dev/null >"$ctl/qemu" 2>&1 & qpid=$!
st=0; wait $qpid || st=$?; qpid=''
[ -z "$verbose" ] || { times > "$ctl/times"; cpu=$(tail -1 "$ctl/times"); sed 's/\x1b\[[0-9;]*[a-zA-Z]//g' "$ctl/console" | tail -40 >&2
  echo "run-in-vm: ready at $(cat "$ctl/ready" 2>/dev/null) s, done at $(cat "$ctl/done" 2>/dev/null) s (guest clock), wall $(echo "$(date +%s.%N)-$t0" | bc | cut -c1-6) s, cpu $cpu; $(tr -s ' \n' ' ' < "$ctl/mem" 2>/dev/null)" >&2; }
[ -s "$ctl/rc" ] && exit "$(cat "$ctl/rc")"
[ $st != 124 ] || { echo "run-in-vm: ran past $limit s" >&2; exit 124; }
echo "run-in-vm: the VM ended without a result:" >&2; cat "$ctl/qemu" >&2; tail -5 "$ctl/console" >&2; exit 125
