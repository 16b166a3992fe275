"""The loop: one request after the other; output of running programs is passed on as it comes."""

import errno
import json
import math
import os
import selectors
import signal
import sys
import types

from . import daemons, devices, jail, linux, volumes
from .frames import Ended, receive, send
from .limits import Limits
from .tree import Tree

CHUNK = 256 * 1024
# Output of a program that the other side has not taken yet; it waits beyond that.
WINDOW = 4 << 20


class Program:
    """A program of the guest that runs."""

    def __init__(self, m, pid, fds, limits):
        self.request = m['id']
        self.name = m['program']
        self.pid = pid
        self.open = dict(fds)
        self.report = b''
        self.limits = limits
        self.held = 0
        self.waiting = []


class Helper:
    def __init__(self, folder, root_user):
        self.folder = folder
        self.root_user = root_user
        self.attached = {}
        self.mounts = {}
        self.trees = {}
        self.programs = {}
        self.selector = selectors.DefaultSelector()
        self.selector.register(0, selectors.EVENT_READ)

    def run(self):
        try:
            while True:
                for key, _ in self.selector.select():
                    if key.fd == 0:
                        self.serve()
                    else:
                        self.pass_on(key.fd, key.data)
        except Ended:
            pass
        finally:
            self.end()

    def serve(self):
        message, data = receive(0)
        request = message['id']
        try:
            self.answer(request, message, data)
        except OSError as error:
            code = errno.errorcode.get(error.errno or 0, 'EIO')
            send(1, {'id': request, 'errno': code, 'reason': error.strerror or str(error)})
        except (devices.Failed, KeyError, ValueError, TypeError) as error:
            send(1, {'id': request, 'reason': str(error)})

    def answer(self, request, m, data):
        tree = self.trees.get(m.get('tree'))
        if tree is None:
            result = getattr(self, f'do_{m["do"]}')(m)
        else:
            result = getattr(tree, m['do'])(m, data)
        if m['do'] == 'run':
            return
        if isinstance(result, types.GeneratorType):
            for part in result:
                send(1, {'id': request, 'more': True, 'result': part})
            send(1, {'id': request})
        elif isinstance(result, tuple):
            send(1, {'id': request, 'result': result[0]}, result[1])
        else:
            send(1, {'id': request, 'result': result})

    def do_hello(self, _m):
        return {'python': sys.version.split()[0]}

    def do_attach(self, m):
        device = devices.WAYS[m['way']](m, self.folder)
        self.attached[m['attachment']] = device
        return device.path

    def do_detach(self, m):
        self.attached.pop(m['attachment']).close()

    def do_mount(self, m):
        place = f'{self.folder}/{daemons.SHARED}' if 'command' in m or 'pool' in m else self.folder
        target = f'{place}/mount-{m["mount"]}'
        os.mkdir(target, 0o700)
        try:
            volume = volumes.mount(self.attached[m['attachment']].path, target, m)
        except BaseException:
            os.rmdir(target)
            raise
        self.mounts[m['mount']] = volume
        self.trees[m['mount']] = Tree(volume.root)

    def do_umount(self, m):
        tree = self.trees.pop(m['mount'])
        tree.close()
        volume = self.mounts.pop(m['mount'])
        volume.close()
        os.rmdir(volume.target)

    def do_run(self, m):
        for tree in self.trees.values():
            tree.forget()
        name = f'{os.path.basename(os.path.dirname(self.folder))}-{m["program"]}'
        limits = Limits(name, m['memory'], m['processes'], m['required'], self.root_user)
        try:
            pid, out, err, report = jail.start(m, self.mounts, self.attached, self.folder, self.root_user, limits)
        except BaseException:
            limits.close()
            raise
        program = Program(m, pid, {out: 1, err: 2, report: 0}, limits)
        self.programs[m['program']] = program
        for fd in program.open:
            self.selector.register(fd, selectors.EVENT_READ, program)

    def do_kill(self, m):
        program = self.programs.get(m['program'])
        if program is not None:
            os.kill(program.pid, signal.SIGKILL)
            # What it has written still comes, and then the end.
            self._resume(program, -math.inf)

    def do_taken(self, m):
        program = self.programs.get(m['program'])
        if program is not None:
            self._resume(program, program.held - m['bytes'])

    def _resume(self, program, held):
        program.held = held
        if held < WINDOW:
            for fd in program.waiting:
                self.selector.register(fd, selectors.EVENT_READ, program)
            program.waiting = []

    def pass_on(self, fd, program):
        data = os.read(fd, CHUNK)
        stream = program.open[fd]
        if data:
            if stream == 0:
                program.report += data
            else:
                send(1, {'id': program.request, 'more': True, 'stream': stream}, data)
                program.held += len(data)
                if program.held >= WINDOW:
                    self.selector.unregister(fd)
                    program.waiting.append(fd)
            return
        self.selector.unregister(fd)
        os.close(fd)
        del program.open[fd]
        if not program.open:
            self.finish(program)

    def finish(self, program):
        os.waitpid(program.pid, 0)
        del self.programs[program.name]
        for tree in self.trees.values():
            tree.forget()
        report = json.loads(program.report) if program.report else {'killed': True}
        report['outOfMemory'] = program.limits.exceeded()
        program.limits.close()
        if 'error' in report:
            send(1, {'id': program.request, 'reason': report['error']})
        else:
            send(1, {'id': program.request, 'result': report})

    def end(self):
        """Undo everything, whatever of it still works."""
        for program in list(self.programs.values()):
            quietly(lambda: os.kill(program.pid, signal.SIGKILL))
            quietly(lambda: os.waitpid(program.pid, 0))
            quietly(program.limits.close)
        for mount in list(self.trees):
            quietly(lambda: self.do_umount({'mount': mount}))
        for attachment in list(self.attached):
            quietly(lambda: self.do_detach({'attachment': attachment}))


def quietly(work):
    try:
        work()
    except Exception:  # the other side is gone; there is nobody to tell
        pass


def main(folder, mode):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.umask(0)
    inner = f'{folder}/inner'
    os.mkdir(inner, 0o700)
    linux.mount('vmcraft', inner, 'tmpfs', linux.MS_NOSUID | linux.MS_NODEV, 'mode=700')
    daemons.make_shared(inner)
    Helper(inner, mode == 'root').run()
    quietly(lambda: linux.umount(inner, linux.MNT_DETACH))
    quietly(lambda: os.rmdir(inner))
    # Sockets, when the process that listened was killed.
    for name in os.listdir(folder):
        quietly(lambda: os.unlink(f'{folder}/{name}'))
    quietly(lambda: os.rmdir(folder))
