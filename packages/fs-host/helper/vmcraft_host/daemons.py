"""
Programs that serve a mount: the storage daemon of an export, the FUSE driver of a file system.

Such a program must never be the last that holds a mount which it serves, or one that lies on it: the kernel unmounts in the process that lets
go last, before that process has closed /dev/fuse, and then waits for ever for an answer of its own. So each runs in a mount namespace of its
own. What it mounts below the shared folder appears in ours; then everything of ours is taken out of its namespace.
"""

import os
import subprocess

from . import linux

SHARED = 'shared'


def make_shared(folder):
    """The folder whose mounts go from a daemon's namespace to ours; a mount of its own, as sharing is a matter of mounts."""
    path = f'{folder}/{SHARED}'
    os.mkdir(path, 0o700)
    linux.mount('vmcraft', path, 'tmpfs', linux.MS_NOSUID | linux.MS_NODEV, 'mode=700')
    linux.mount(None, path, None, linux.MS_SHARED)


def start(command):
    return subprocess.Popen(['unshare', '--mount', '--propagation', 'unchanged', '--', *command],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            env={'PATH': os.environ['PATH'], 'LC_ALL': 'C'})


def isolate(process, folder):
    """Take our mounts, its own among them, out of the namespace of a daemon that has mounted."""
    # By its descriptor, not by /proc/PID/ns: the numbers there are those of the host, ours are those of our PID namespace.
    daemon = os.pidfd_open(process.pid)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            linux.setns(daemon, linux.CLONE_NEWNS)
            # Else what is unmounted here would go from our namespace, too.
            linux.mount(None, '/', None, linux.MS_REC | linux.MS_PRIVATE)
            linux.umount(folder, linux.MNT_DETACH)
            status = 0
        finally:
            os._exit(status)
    os.close(daemon)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise OSError(5, 'the mounts of a daemon could not be taken from it')
