"""Mounts an attached device in our mount namespace, by the kernel or by a FUSE driver."""

import errno
import fcntl
import os
import struct
import subprocess
import time

from . import daemons, linux
from .devices import Failed, wait_until
from .zfs import ZfsMount

BTRFS_CONTROL, BTRFS_IOC_FORGET_DEV, BTRFS_VOLUME_ARGS = '/dev/btrfs-control', 0x50009405, '=q4088s'
BASE_FLAGS = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOATIME


class KernelMount:
    nested = ()

    def __init__(self, source, target, m):
        self.target = self.root = target
        flags = BASE_FLAGS | (linux.MS_RDONLY if m['readonly'] else 0)
        self.members = [source, *(o[len('device='):] for o in m['options'] if o.startswith('device='))] if m['type'] == 'btrfs' else []
        try:
            linux.mount(source, target, m['type'], flags, ','.join(m['options']) or None)
        except BaseException:
            self._forget()
            raise

    def close(self):
        self._umount()
        self._forget()

    def _forget(self):
        """The kernel remembers every device of a Btrfs that it has seen, and would take the next one of that name for it."""
        if not self.members or not os.path.exists(BTRFS_CONTROL):
            return
        control = os.open(BTRFS_CONTROL, os.O_RDWR | os.O_CLOEXEC)
        try:
            for path in self.members:
                try:
                    fcntl.ioctl(control, BTRFS_IOC_FORGET_DEV, bytearray(struct.pack(BTRFS_VOLUME_ARGS, 0, os.fsencode(path))))
                except OSError:
                    pass  # another subvolume of it is still mounted
        finally:
            os.close(control)

    def _umount(self):
        # What a guest's command left running is gone by now; a mount that is still busy would be a mistake of ours.
        deadline = time.monotonic() + 10
        while True:
            try:
                return linux.umount(self.target)
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


class FuseMount:
    """The driver stays in the foreground: it has written everything only when it has ended."""

    nested = ()

    def __init__(self, source, target, m):
        self.target = self.root = target
        outside = os.stat(target).st_dev
        command = [word.replace('%d', source).replace('%m', target) for word in m['command']]
        if m['options']:
            command += ['-o', ','.join(m['options'])]
        self.process = daemons.start(command)
        try:
            wait_until(lambda: os.stat(target).st_dev != outside, os.path.basename(command[0]), self.process)
            daemons.isolate(self.process, os.path.dirname(os.path.dirname(target)))
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def close(self):
        linux.umount(self.target)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed('the FUSE driver did not end; what it held back is lost') from None


def mount(source, target, m):
    if 'pool' in m:
        return ZfsMount(source, target, m)
    return FuseMount(source, target, m) if 'command' in m else KernelMount(source, target, m)
