"""What a program of the guest may take of this host: a control group where one can be made, else limits of each of its processes."""

import os
import resource
import time

from .devices import Failed

CONTROLLERS = ('memory', 'pids')
# Two processes of ours are in the group: the one that waits, and the first of the namespace.
OURS = 2
# Threads of FUSE drivers and of the export count for the same user where there is no root.
THREADS = 64
GONE_SECONDS = 10


class Limits:
    def __init__(self, name, memory, processes, required, root_user):
        """`memory` in bytes and `processes` are numbers; `required` names those that somebody asked for, which must hold."""
        self.memory, self.processes, self.root_user = memory, processes, root_user
        self.groups = []
        self.left = set(CONTROLLERS)
        try:
            for parent, controllers in _parents():
                self._make(f'{parent}/{name}', controllers)
        except BaseException:
            self.close()
            raise
        if root_user and 'pids' in self.left and 'processes' in required:
            self.close()
            raise Failed('this host has no control group (pids) in which a number of processes holds for root')

    def _make(self, group, controllers):
        """Whatever the host refuses here is left to limits of each process."""
        try:
            os.mkdir(group, 0o755)
        except OSError:
            return
        self.groups.append(group)
        files = {'memory': (('memory.max', 'memory.limit_in_bytes'), self.memory), 'pids': (('pids.max',), self.processes + OURS)}
        for controller in controllers:
            names, value = files[controller]
            try:
                _write(next(f'{group}/{name}' for name in names if os.path.exists(f'{group}/{name}')), value)
                self.left.discard(controller)
            except (OSError, StopIteration):
                pass
        # Swap would make the limit a wish.
        for name, value in (('memory.swap.max', 0), ('memory.memsw.limit_in_bytes', self.memory)):
            if os.path.exists(f'{group}/{name}'):
                try:
                    _write(f'{group}/{name}', value)
                except OSError:
                    pass

    def enter(self):
        """Join the groups, with every process that is made from now on."""
        for group in self.groups:
            _write(f'{group}/cgroup.procs', 0)

    def apply(self):
        """Limits of each process: for the program itself, in its last moment as ours."""
        # A core would be handed to a program of this host, as root; 1 is the value by which the kernel does not (core(5) knows only files).
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
        if 'memory' in self.left:
            resource.setrlimit(resource.RLIMIT_DATA, (self.memory, self.memory))
        if 'pids' in self.left and not self.root_user:
            resource.setrlimit(resource.RLIMIT_NPROC, (self.processes + THREADS, self.processes + THREADS))

    def exceeded(self):
        """Whether the kernel has killed for lack of memory."""
        for group in self.groups:
            for name in ('memory.events', 'memory.oom_control'):
                for line in _read(f'{group}/{name}').splitlines():
                    words = line.split()
                    if words[0] == 'oom_kill' and int(words[1]) > 0:
                        return True
        return False

    def close(self):
        """Its processes have ended, or are about to."""
        deadline = time.monotonic() + GONE_SECONDS
        for group in self.groups:
            while True:
                try:
                    os.rmdir(group)
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        break
                    time.sleep(0.005)
        self.groups = []


def _write(path, value):
    with open(path, 'w') as file:
        file.write(str(value))


def _read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ''


def _parents():
    """Directories in which a group can be made, and the controllers that it has there."""
    own = {}
    for line in _read('/proc/self/cgroup').splitlines():
        _number, names, path = line.split(':', 2)
        for name in names.split(','):
            own[name] = path
    for line in _read('/proc/self/mountinfo').splitlines():
        before, after = line.split(' - ', 1)
        root, point = before.split()[3:5]
        kind, _source, options = after.split(' ', 2)
        if kind == 'cgroup':
            for controller in CONTROLLERS:
                if controller in options.split(',') and controller in own:
                    yield _inside(point, root, own[controller]), (controller,)
        elif kind == 'cgroup2' and '' in own:
            # A group whose own processes share what it has cannot have groups below it: the one above is taken then.
            at = _inside(point, root, own[''])
            while len(at) >= len(point):
                enabled = _read(f'{at}/cgroup.subtree_control').split()
                if all(controller in enabled for controller in CONTROLLERS):
                    yield at, CONTROLLERS
                    break
                at = os.path.dirname(at)


def _inside(point, root, path):
    below = os.path.relpath(path, root)
    return point if below == '.' or below.startswith('..') else f'{point}/{below}'
