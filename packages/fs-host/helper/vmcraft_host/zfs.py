"""
A ZFS pool, imported by a zfs-fuse of our own: no pool of the host is ever seen, and no cache file of the host is read or written.

The daemon runs in a mount namespace with its own /run (its socket) and /etc/zfs (its cache file); zpool and zfs are run in there, too.
"""

import os
import signal
import subprocess
import time

from . import daemons, linux
from .devices import Failed, wait_until

FLAGS = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOATIME
# Megabytes of its cache.
ARC = '128'
COMMAND_SECONDS = 300
END_SECONDS = 60
# Arguments: the daemon, a file that says that the folders are ours, devices.
START = f'''set -e
for folder in /run /etc/zfs; do [ ! -d $folder ] || mount -t tmpfs -o mode=755 vmcraft $folder; done
mkdir -p /run/zfs /run/lock/zfs /run/vmcraft
daemon=$1 ready=$2; shift 2
number=0; for device in "$@"; do ln -s "$device" /run/vmcraft/$number; number=$((number + 1)); done
: > "$ready"
exec "$daemon" --no-daemon --no-kstat-mount --max-arc-size {ARC}
'''


class ZfsMount:
    """Every data set that is mounted by itself, below the target, where the pool says; or one data set, named by an option."""

    def __init__(self, source, target, m):
        self.target = self.root = target
        self.pool, self.readonly = m['pool'], m['readonly']
        self.nested = []
        members, dataset = _options(m['options'])
        folder = os.path.dirname(os.path.dirname(target))
        ready = f'{target}.ready'
        self.process = daemons.start(['sh', '-c', START, 'sh', m['daemon'], ready, source, *members])
        self.namespace = os.pidfd_open(self.process.pid)
        self.imported = None
        try:
            wait_until(lambda: os.path.exists(ready), 'zfs-fuse', self.process)
            os.unlink(ready)
            wait_until(lambda: self._ask('zpool', 'list', '-H').returncode == 0, 'zfs-fuse', self.process)
            self._import()
            if dataset is not None:
                self.root = self._one(dataset)
            daemons.isolate(self.process, folder)
            self.nested = self._secure()
        except BaseException:
            self._end()
            raise

    def _ask(self, *command):
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_SECONDS,
                              env={'PATH': os.environ['PATH'], 'LC_ALL': 'C'}, cwd='/',
                              preexec_fn=lambda: linux.setns(self.namespace, linux.CLONE_NEWNS))

    def _must(self, *command):
        result = self._ask(*command)
        if result.returncode != 0:
            raise Failed(' '.join(result.stderr.decode(errors='replace').split()) or f'{command[0]} failed')
        return result.stdout.decode(errors='replace')

    def _import(self):
        # It was last used by another system, always. What is only read is on devices that forget, so the daemon may make mount points.
        self._must('zpool', 'import', '-d', '/run/vmcraft', '-f', '-o', 'nosuid,nodev,noatime', '-o', 'cachefile=none',
                   '-R', self.target, self.pool)
        self.imported = self._must('zpool', 'list', '-H', '-o', 'name').strip()

    def _one(self, dataset):
        """Where the data set is mounted; it is mounted for that when it is not by itself."""
        lines = self._must('zfs', 'list', '-H', '-t', 'filesystem', '-o', 'name,mountpoint,mounted').splitlines()
        found = {name: (point, mounted) for name, point, mounted in (line.split('\t') for line in lines)}
        if dataset not in found:
            raise Failed(f'the pool has no data set {dataset}; there are {", ".join(found)}')
        point, mounted = found[dataset]
        if not point.startswith(self.target):
            raise Failed(f'the mount point of {dataset} is {point}, which zfs-fuse cannot mount elsewhere')
        if mounted != 'yes':
            self._must('zfs', 'mount', dataset)
        return point

    def _secure(self):
        """Give every mount the flags that ours have, whatever the daemon made of the options. Those below the root, by path."""
        points = _points(self.target)
        for point in points:
            linux.mount(None, point, None, linux.MS_BIND | linux.MS_REMOUNT | FLAGS | (linux.MS_RDONLY if self.readonly else 0))
        return [point for point in points if point.startswith(f'{self.root}/')]

    def close(self):
        for point in reversed(_points(self.target)):
            linux.umount(point)
        self.imported, name = None, self.imported
        if name is not None:
            self._must('zpool', 'export', name)
        self._stop()

    def _end(self):
        """What of it still works; the daemon may be the reason."""
        for point in reversed(_points(self.target)):
            linux.umount(point, linux.MNT_DETACH)
        if self.imported is not None:
            try:
                self._ask('zpool', 'export', '-f', self.imported)
            except (OSError, subprocess.SubprocessError):
                pass
            self.imported = None
        self._stop()

    def _stop(self):
        os.close(self.namespace)
        # It takes seconds to end by itself. What it has exported, it does not hold any more.
        self.process.send_signal(signal.SIGTERM if self.imported is not None else signal.SIGKILL)
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # It made the folders of mount points here.
        for path, folders, _files in os.walk(self.target, topdown=False):
            for name in folders:
                os.rmdir(os.path.join(path, name))


def _options(options):
    """Further devices, and the data set that is asked for."""
    members = [o[len('device='):] for o in options if o.startswith('device=')]
    named = [o[len('dataset='):] for o in options if o.startswith('dataset=')]
    return members, named[-1] if named else None


def _points(target):
    """Mount points at and below a folder, outer ones first (proc(5): blanks in them are octal)."""
    found = []
    with open('/proc/self/mountinfo', 'rb') as file:
        for line in file:
            raw = line.split()[4].decode('latin-1')
            point = os.fsdecode(raw.encode('latin-1').decode('unicode_escape').encode('latin-1'))
            if point == target or point.startswith(f'{target}/'):
                found.append(point)
    return sorted(found, key=len)
