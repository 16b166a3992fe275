"""Runs a program of the guest in namespaces of its own, over the guest's mounts, with nothing of the host in reach."""

import errno
import fcntl
import json
import os
import signal
import socket
import struct

from . import emulation, linux
from .frames import to_bytes
from .seccomp import confine

# CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP:
# what package scripts need. Above all not SYS_ADMIN, SYS_MODULE, SYS_RAWIO, SYS_PTRACE and DAC_READ_SEARCH (open_by_handle_at).
KEPT = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}
NODES = ['null', 'zero', 'full', 'random', 'urandom', 'tty']
NET_RAW = 13
HIDDEN = ['kcore', 'keys', 'key-users', 'kallsyms', 'kmsg', 'timer_list', 'sched_debug', 'sysrq-trigger', 'latency_stats',
          'vmcore', 'kpagecount', 'kpageflags', 'kpagecgroup', 'config.gz', 'cmdline', 'modules', 'partitions', 'diskstats',
          'swaps', 'iomem', 'ioports', 'interrupts', 'softirqs', 'slabinfo', 'vmallocinfo', 'pagetypeinfo', 'locks', 'mdstat']
HIDDEN_FOLDERS = ['acpi', 'scsi', 'asound', 'driver', 'pressure']
SYS_FOLDERS = ['block', 'bus', 'class/block', 'class/net', 'dev/block', 'dev/char', 'devices/virtual', 'firmware', 'fs', 'kernel',
               'module', 'power']
FROZEN = ['sys', 'irq', 'bus', 'fs']
EXEC_FAILED = 127


def start(m, mounts, devices, folder, root_user, limits):
    """Fork the program. Gives our ends of its output, errors and report, and the process to kill."""
    out_read, out_write = os.pipe2(os.O_CLOEXEC)
    err_read, err_write = os.pipe2(os.O_CLOEXEC)
    report_read, report_write = os.pipe2(os.O_CLOEXEC)
    os.makedirs(f'{folder}/root', exist_ok=True)
    pid = os.fork()
    if pid == 0:
        try:
            for fd in (out_read, err_read, report_read):
                os.close(fd)
            os.setsid()
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
            limits.enter()
            if m['emulate'] and root_user:
                emulation.own_users()
                root_user = False
            flags = linux.CLONE_NEWNS | linux.CLONE_NEWPID | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS | linux.CLONE_NEWCGROUP
            linux.unshare(flags | (0 if m['network'] else linux.CLONE_NEWNET))
            init = os.fork()
            if init == 0:
                _init(m, mounts, devices, folder, root_user, limits, (out_write, err_write), report_write)
            for fd in (out_write, err_write, report_write, 0, 1, 2):
                os.close(fd)
            os.waitpid(init, 0)
            os._exit(0)
        except BaseException as error:  # a forked child must never return into its parent's code
            _report(report_write, {'error': str(error)})
            os._exit(1)
    for fd in (out_write, err_write, report_write):
        os.close(fd)
    return pid, out_read, err_read, report_read


def _report(fd, message):
    try:
        os.write(fd, json.dumps(message).encode())
    except OSError:
        pass


def _init(m, mounts, devices, folder, root_user, limits, outputs, report):
    """The first process of the namespace: builds the tree, runs the program, and takes everything else down with itself."""
    try:
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        # Nobody inside may look at this process: its program and descriptors are the host's.
        linux.prctl(linux.PR_SET_DUMPABLE, 0)
        os.umask(0o022)
        linux.mount(None, '/', None, linux.MS_REC | linux.MS_PRIVATE)
        _build(m, mounts, devices, f'{folder}/root', root_user)
        linux.sethostname(to_bytes(m['hostname'])[:64] or b'localhost')
        if not m['network']:
            _loopback_up()
        if m['emulate']:
            # Open until this process ends.
            emulation.register(m['emulate'])
        made = _enter(m, f'{folder}/root')
        _report(report, _supervise(m, limits, root_user, outputs))
        for path in made:
            linux.umount(path, linux.MNT_DETACH)
            os.unlink(path)
        os._exit(0)
    except BaseException as error:
        _report(report, {'error': str(error)})
        os._exit(1)


def _walk(root, names):
    """A directory inside the guest by names, no link followed; None when it is not there."""
    if any(name in (b'', b'.', b'..') or b'/' in name for name in names):
        return None
    fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    for name in names:
        try:
            below = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return None
            raise
        finally:
            os.close(fd)
        fd = below
    return fd


def _over(root, names, source, kind, flags, data=None):
    """Mount on a directory of the guest; False when the guest has no such directory."""
    fd = _walk(root, names)
    if fd is None:
        return False
    try:
        linux.mount(source, f'/proc/self/fd/{fd}', kind, flags, data)
        return True
    finally:
        os.close(fd)


def _bind(source, target, flags):
    linux.mount(source, target, None, linux.MS_BIND)
    linux.mount(None, target, None, linux.MS_BIND | linux.MS_REMOUNT | flags)


def _places(m, mounts):
    """What lies where: the mounts that were asked for, and those that a volume has within itself."""
    for place in m['mounts']:
        names, volume = [to_bytes(name) for name in place['path']], mounts[place['mount']]
        yield place, names, volume.root
        for point in volume.nested:
            yield place, names + os.fsencode(os.path.relpath(point, volume.root)).split(b'/'), point


def _build(m, mounts, devices, root, root_user):
    for place, names, source in _places(m, mounts):
        fd = _walk(root, names)
        if fd is None:
            raise OSError(errno.ENOTDIR, 'a mount point is not a directory', b'/' + b'/'.join(names))
        flags = linux.MS_NODEV | linux.MS_NOATIME | (linux.MS_RDONLY if place['readonly'] else 0)
        # A user namespace may not lift what the mount was made with.
        linux.mount(source, f'/proc/self/fd/{fd}', None, linux.MS_BIND)
        os.close(fd)
        fd = _walk(root, names)
        linux.mount(None, f'/proc/self/fd/{fd}', None,
                    linux.MS_BIND | linux.MS_REMOUNT | flags | (0 if root_user else linux.MS_NOSUID))
        os.close(fd)
    safe = linux.MS_NOSUID | linux.MS_NODEV
    if _over(root, [b'proc'], 'proc', 'proc', safe | linux.MS_NOEXEC):
        _tame_proc(f'{root}/proc')
    if _over(root, [b'sys'], 'sys', 'tmpfs', safe | linux.MS_NOEXEC, 'mode=755,size=64k'):
        _fill_sys(f'{root}/sys', safe)
    if _over(root, [b'run'], 'run', 'tmpfs', safe, 'mode=755,size=64m'):
        os.mkdir(f'{root}/run/lock')
        os.chmod(f'{root}/run/lock', 0o1777)
    if _over(root, [b'dev'], 'dev', 'tmpfs', linux.MS_NOSUID | linux.MS_NOEXEC, 'mode=755,size=64k'):
        _fill_dev(f'{root}/dev', m['devices'], devices, safe)


def _tame_proc(proc):
    for name in FROZEN:
        if os.path.isdir(f'{proc}/{name}'):
            _bind(f'{proc}/{name}', f'{proc}/{name}',
                  linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    for name in HIDDEN:
        if os.path.exists(f'{proc}/{name}'):
            linux.mount('/dev/null', f'{proc}/{name}', None, linux.MS_BIND)
    for name in HIDDEN_FOLDERS:
        if os.path.isdir(f'{proc}/{name}'):
            linux.mount('tmpfs', f'{proc}/{name}', 'tmpfs', linux.MS_RDONLY, 'size=4k')


def _fill_sys(sys, safe):
    """Folders that programs look for, and the processors; nothing of the devices of this host."""
    for name in SYS_FOLDERS:
        os.makedirs(f'{sys}/{name}')
    os.makedirs(f'{sys}/devices/system/cpu')
    last = len(os.sched_getaffinity(0)) - 1
    for name in ('online', 'possible', 'present'):
        with open(f'{sys}/devices/system/cpu/{name}', 'w') as file:
            file.write('0\n' if last == 0 else f'0-{last}\n')
    linux.mount(None, sys, None, linux.MS_REMOUNT | safe | linux.MS_NOEXEC | linux.MS_RDONLY, 'mode=555,size=64k')


def _fill_dev(dev, wanted, devices, safe):
    nodes = [(name, f'/dev/{name}') for name in NODES]
    for device in wanted:
        source = devices[device['attachment']].path
        if source.startswith('/dev/'):
            names = [device['name'], os.path.basename(source)]
            nodes += [(name, source) for name in dict.fromkeys(names)]
    for name, source in nodes:
        path = os.path.normpath(f'{dev}/{name}')
        if not path.startswith(f'{dev}/') or os.path.exists(path) or not os.path.exists(source):
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        linux.mount(source, path, None, linux.MS_BIND)
    # Without these a boot loader's tools would write the name that the device has on this host.
    for device in wanted:
        for folder in ('uuid', 'label'):
            value, source = device.get(folder), devices[device['attachment']].path
            if value and '/' not in value and value not in ('.', '..') and source.startswith('/dev/'):
                os.makedirs(f'{dev}/disk/by-{folder}', exist_ok=True)
                if not os.path.lexists(f'{dev}/disk/by-{folder}/{value}'):
                    os.symlink(f'../../{os.path.basename(source)}', f'{dev}/disk/by-{folder}/{value}')
    for name, target in (('fd', '/proc/self/fd'), ('stdin', 'fd/0'), ('stdout', 'fd/1'), ('stderr', 'fd/2'), ('ptmx', 'pts/ptmx')):
        os.symlink(target, f'{dev}/{name}')
    os.mkdir(f'{dev}/pts')
    os.mkdir(f'{dev}/shm')
    linux.mount('devpts', f'{dev}/pts', 'devpts', linux.MS_NOSUID | linux.MS_NOEXEC, 'newinstance,ptmxmode=0666,mode=620')
    linux.mount('shm', f'{dev}/shm', 'tmpfs', safe, 'mode=1777,size=64m')
    # Nodes that the program makes here itself open nothing; those above are mounts of their own.
    linux.mount(None, dev, None, linux.MS_REMOUNT | safe | linux.MS_NOEXEC, 'mode=755,size=64k')


def _loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack('16sH14x', b'lo', 0x1 | 0x40))


def _enter(m, root):
    """Make the guest's tree the whole world. Gives files that were made for the time of the run."""
    os.chdir(root)
    linux.pivot_root('.', '.')
    linux.umount('.', linux.MNT_DETACH)
    os.chdir('/')
    return _put_resolver(to_bytes(m['resolver'])) if m['network'] else []


def _put_resolver(content):
    """The host's name servers over the guest's file, which stays as it is underneath. Links lead nowhere but into the guest by now."""
    source = '/dev/.resolv.conf'
    if not os.path.isdir('/etc') or not os.path.isdir('/dev'):
        return []
    with open(source, 'wb') as file:
        file.write(content)
    target, made = os.path.realpath('/etc/resolv.conf'), []
    if target.startswith(('/proc/', '/dev/', '/sys/')):
        return []
    if not os.path.lexists(target):
        if not os.path.isdir(os.path.dirname(target)):
            if not target.startswith('/run/'):
                return []
            os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644))
        made = [target]
    linux.mount(source, target, None, linux.MS_BIND)
    os.unlink(source)
    return made


def _supervise(m, limits, root_user, outputs):
    child = os.fork()
    if child == 0:
        _execute(m, limits, root_user, outputs)
    for fd in (*outputs, 0, 1, 2):
        os.close(fd)
    while True:
        pid, status = os.wait()
        if pid == child:
            break
    if os.WIFSIGNALED(status):
        return {'signal': os.WTERMSIG(status)}
    return {'status': os.WEXITSTATUS(status)}


def _execute(m, limits, root_user, outputs):
    try:
        os.setsid()
        null = os.open('/dev/null', os.O_RDONLY) if os.path.exists('/dev/null') else os.pipe()[0]
        for fd, to in ((null, 0), (outputs[0], 1), (outputs[1], 2)):
            os.dup2(fd, to)
        for number in range(1, signal.NSIG):
            if number not in (signal.SIGKILL, signal.SIGSTOP):
                try:
                    signal.signal(number, signal.SIG_DFL)
                except (OSError, ValueError):
                    pass
        os.umask(0o022)
        try:
            os.setgroups([])
        except PermissionError:
            pass
        argv = [to_bytes(word) for word in m['argv']]
        env = {to_bytes(name): to_bytes(value) for name, value in m['env'].items()}
        path = os.environb.get(b'PATH', b'') if b'PATH' not in env else env[b'PATH']
        programs = [argv[0]] if b'/' in argv[0] else [os.path.join(folder, argv[0]) for folder in path.split(b':')]
        linux.restrict_scope()
        limits.apply()
        confine(m['machine'] == 'i386')
        # On the network of this host, packets are not for the guest to read or to make up.
        linux.keep_capabilities(KEPT - {NET_RAW} if m['network'] and root_user else KEPT)
        os.closerange(3, 4096)
        failure = FileNotFoundError(errno.ENOENT, 'command not found')
        for program in programs:
            try:
                os.execve(program, argv, env)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                    failure = error
        os.write(2, argv[0] + b': ' + (failure.strerror or 'cannot be run').encode() + b'\n')
        os._exit(EXEC_FAILED if failure.errno == errno.ENOENT else 126)
    except BaseException as error:
        os.write(2, f'vmcraft: {error}\n'.encode())
        os._exit(125)


