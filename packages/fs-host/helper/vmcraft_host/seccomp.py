"""A filter over system calls that namespaces do not confine: kernel keys and log, BPF, performance events, io_uring, new user namespaces."""

import ctypes
import platform
import struct

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
LOAD, JUMP_EQUAL, JUMP_SET, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, DENY = 0x7FFF0000, 0x00050001
# It says that it was done, and was not.
PRETEND = 0x00050000
NO_SUCH_CALL, NO_SUCH_FAMILY = PRETEND | 38, PRETEND | 97
CLONE_NEWUSER = 0x10000000
RLIMIT_CORE = 4
# Offsets in struct seccomp_data (<linux/seccomp.h>); the low half of an argument comes first.
NUMBER, ARCHITECTURE, FIRST, SECOND, THIRD = 0, 4, 16, 24, 32
X32 = 0x40000000
# Local, IPv4, IPv6, netlink and packet. Above all not vsock, which reaches the host of this host, past any network namespace.
FAMILIES = (1, 2, 10, 16, 17)


class Calls:
    """Numbers of the system calls of an architecture."""

    def __init__(self, audit, denied, **numbers):
        self.audit, self.denied = audit, denied
        self.clone, self.clone3, self.unshare = numbers['clone'], 435, numbers['unshare']
        self.socket, self.setrlimit, self.prlimit = numbers['socket'], numbers['setrlimit'], numbers['prlimit']
        # One call for all of sockets, whose arguments lie in memory.
        self.socketcall = numbers.get('socketcall')


# io_uring_setup io_uring_enter io_uring_register
_EVERYWHERE = [425, 426, 427]
# add_key request_key keyctl bpf perf_event_open userfaultfd open_by_handle_at kexec_load kexec_file_load syslog
_X86_64 = Calls(0xC000003E, [248, 249, 250, 321, 298, 323, 304, 246, 320, 103],
                clone=56, unshare=272, socket=41, setrlimit=160, prlimit=302)
_I386 = Calls(0x40000003, [286, 287, 288, 357, 336, 374, 342, 283, 103],
              clone=120, unshare=310, socket=359, setrlimit=75, prlimit=340, socketcall=102)
_AARCH64 = Calls(0xC00000B7, [217, 218, 219, 280, 241, 282, 265, 104, 294, 116],
                 clone=220, unshare=97, socket=198, setrlimit=164, prlimit=261)
_ARCHITECTURES = {'x86_64': [_X86_64, _I386], 'aarch64': [_AARCH64]}


def _op(code, k, yes=0, no=0):
    return struct.pack('=HBBI', code, yes, no, k)


def _when(number, body):
    """Rules for one call, of which each way through must end."""
    return [_op(JUMP_EQUAL, number, 0, len(body)), *body]


def _deny(number, answer=DENY):
    return _when(number, [_op(RETURN, answer)])


def _rules(calls, whole):
    rules = []
    for number in calls.denied + _EVERYWHERE:
        rules += _deny(number)
    # Its flags lie in memory that a filter cannot read; the C library goes on with clone.
    rules += _deny(calls.clone3, NO_SUCH_CALL)
    if calls.socketcall is not None and not whole:
        rules += _deny(calls.socketcall, NO_SUCH_CALL)
    for number in (calls.unshare, calls.clone):
        rules += _when(number, [_op(LOAD, FIRST), _op(JUMP_SET, CLONE_NEWUSER, 0, 1), _op(RETURN, DENY), _op(RETURN, ALLOW)])
    known = [_op(JUMP_EQUAL, family, len(FAMILIES) - i) for i, family in enumerate(FAMILIES)]
    rules += _when(calls.socket, [_op(LOAD, FIRST), *known, _op(RETURN, NO_SUCH_FAMILY), _op(RETURN, ALLOW)])
    # The limit on cores keeps the host's handler of crashes out of it, and so it stays.
    rules += _when(calls.setrlimit, [_op(LOAD, FIRST), _op(JUMP_EQUAL, RLIMIT_CORE, 0, 1), _op(RETURN, PRETEND), _op(RETURN, ALLOW)])
    asks_only = [_op(LOAD, THIRD), _op(JUMP_EQUAL, 0, 0, 3), _op(LOAD, THIRD + 4), _op(JUMP_EQUAL, 0, 0, 1), _op(RETURN, ALLOW)]
    body = [_op(LOAD, SECOND), _op(JUMP_EQUAL, RLIMIT_CORE, 1, 0), _op(RETURN, ALLOW), *asks_only, _op(RETURN, PRETEND)]
    rules += _when(calls.prlimit, body)
    return rules + [_op(RETURN, ALLOW)]


def _program(whole):
    program = []
    for calls in _ARCHITECTURES.get(platform.machine(), []):
        # Numbers of x32 are others, for the same calls.
        x32 = [_op(JUMP_SET, X32, 0, 1), _op(RETURN, NO_SUCH_CALL)] if calls is _X86_64 else []
        body = [_op(LOAD, NUMBER), *x32, *_rules(calls, whole)]
        # A conditional jump reaches 255 rules.
        program += [_op(LOAD, ARCHITECTURE), _op(JUMP_EQUAL, calls.audit, 0, len(body)), *body]
    return program


def confine(whole):
    """Where the architecture is not known, capabilities and namespaces have to do. `whole`: the guest itself is of the 32-bit architecture."""
    program = _program(whole)
    if not program:
        return
    program.append(_op(RETURN, ALLOW))
    code = b''.join(program)
    buffer = ctypes.create_string_buffer(code)
    header = struct.pack('@HP', len(program), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, 'no filter over system calls')
