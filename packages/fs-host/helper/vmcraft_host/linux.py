"""System calls that Python's standard library lacks, through ctypes. Numbers are those of <linux/*.h>."""

import ctypes
import os
import platform

_libc = ctypes.CDLL(None, use_errno=True)

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_NOATIME, MS_BIND, MS_REC, MS_PRIVATE, MS_SHARED = 32, 1024, 4096, 16384, 1 << 18, 1 << 20
MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP = 0x20000000, 0x40000000, 0x2000000
CLONE_NEWUSER = 0x10000000
FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE = 1, 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP = 1, 4, 24
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_PIVOT_ROOT = {'x86_64': 155, 'aarch64': 41, 'riscv64': 41, 'ppc64le': 203, 's390x': 217}


def _check(result, what=None):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def mount(source, target, kind, flags, data=None):
    encode = lambda text: text if text is None or isinstance(text, bytes) else os.fsencode(text)
    _check(_libc.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), encode(data)), target)


def umount(target, flags=0):
    _check(_libc.umount2(os.fsencode(target), flags | UMOUNT_NOFOLLOW), target)


def unshare(flags):
    _check(_libc.unshare(flags))


def setns(fd, kind):
    _check(_libc.setns(fd, kind))


def pivot_root(new, old):
    number = _PIVOT_ROOT.get(platform.machine())
    if number is None:
        raise OSError(38, 'pivot_root is not known for this architecture', platform.machine())
    _check(_libc.syscall(number, os.fsencode(new), os.fsencode(old)))


# Numbers that are the same for every architecture.
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_FSCONFIG_CMD_CREATE, _CLOEXEC = 6, 1
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446
_LANDLOCK_VERSION, _LANDLOCK_SCOPES = 1, 6
_LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET, _LANDLOCK_SCOPE_SIGNAL = 1, 2


def detached_mount(kind):
    """A new mount that lies nowhere, as a descriptor of its root."""
    context = _check(_libc.syscall(_FSOPEN, os.fsencode(kind), _CLOEXEC))
    try:
        _check(_libc.syscall(_FSCONFIG, context, _FSCONFIG_CMD_CREATE, None, None, 0))
        return _check(_libc.syscall(_FSMOUNT, context, _CLOEXEC, MS_NOSUID | MS_NODEV))
    finally:
        os.close(context)


def restrict_scope():
    """No abstract socket and no process outside can be reached from here on. False where the kernel cannot: before Linux 6.12."""
    if _libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION) < _LANDLOCK_SCOPES:
        return False
    scopes = _LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | _LANDLOCK_SCOPE_SIGNAL
    rules = (ctypes.c_uint64 * 3)(0, 0, scopes)
    fd = _check(_libc.syscall(_LANDLOCK_CREATE_RULESET, rules, ctypes.c_size_t(ctypes.sizeof(rules)), 0))
    try:
        _check(_libc.syscall(_LANDLOCK_RESTRICT_SELF, fd, 0))
    finally:
        os.close(fd)
    return True


def fallocate(fd, mode, offset, length):
    _check(_libc.fallocate(fd, mode, ctypes.c_int64(offset), ctypes.c_int64(length)))


def syncfs(fd):
    _check(_libc.syncfs(fd))


def sethostname(name):
    _check(_libc.sethostname(name, len(name)))


def prctl(option, *arguments):
    padded = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    return _check(_libc.prctl(option, *padded))


def keep_capabilities(kept):
    """Take every capability but `kept` from this process and from everything that it executes."""
    last = int(open('/proc/sys/kernel/cap_last_cap').read()) if os.path.exists('/proc/sys/kernel/cap_last_cap') else 40
    _drop_bounding([number for number in range(last + 1) if number not in kept])
    mask = sum(1 << number for number in kept)
    _capset(mask)


def _drop_bounding(numbers):
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    for number in numbers:
        prctl(PR_CAPBSET_DROP, number)


def _capset(mask):
    class Header(ctypes.Structure):
        _fields_ = [('version', ctypes.c_uint32), ('pid', ctypes.c_int)]

    class Data(ctypes.Structure):
        _fields_ = [('effective', ctypes.c_uint32), ('permitted', ctypes.c_uint32), ('inheritable', ctypes.c_uint32)]

    low, high = mask & 0xFFFFFFFF, mask >> 32
    data = (Data * 2)(Data(low, low, 0), Data(high, high, 0))
    _check(_libc.capset(ctypes.byref(Header(0x20080522, 0)), data))
