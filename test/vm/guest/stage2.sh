# Stage 2, run by busybox as pid 1 with the host's files under an overlay (applets only: each program read over 9p costs ~0.2 s).
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb
b=/run/busybox
$b mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts; $b mount -t tmpfs shm /dev/shm; $b mount -t tmpfs tmp /run/lock
$b mount -t cgroup2 cg /sys/fs/cgroup
for l in fd:/proc/self/fd stdin:/proc/self/fd/0 stdout:/proc/self/fd/1 stderr:/proc/self/fd/2; do $b ln -sfn ${l#*:} /dev/${l%%:*}; done
$b ip link set lo up
[ -s /run/vm/modules ] && { m=/lib/modules/$($b uname -r); $b mkdir -p $m; $b mount -o bind $($b cat /run/vm/modules) $m; }
i=0; while read -r d; do
  $b mkdir -p "$d"; $b mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=mmap,access=client share$i "$d" || echo "stage2: cannot mount $d" >/dev/console
  i=$((i+1))
done < /run/vm/shares
for p in /sys/class/virtio-ports/*; do read -r n < $p/name; $b ln -s /dev/${p##*/} /run/port-$n; done
if [ -e /run/vm/udev ]; then /lib/systemd/systemd-udevd --daemon; udevadm trigger --type=subsystems --action=add; udevadm trigger --type=devices --action=add; udevadm settle -t 60
else export DM_DISABLE_UDEV=1 MDADM_NO_UDEV=1; fi # no udevd: libdevmapper and mdadm must make their nodes themselves
$b cat /proc/uptime > /run/vm/ready
bash /run/vm/cmd </dev/null >/run/port-out 2>/run/port-err
echo $? > /run/vm/rc
$b cat /proc/uptime > /run/vm/done
$b grep -E '^(MemTotal|MemAvailable|Shmem|Cached)' /proc/meminfo > /run/vm/mem
$b sync; $b poweroff -f
