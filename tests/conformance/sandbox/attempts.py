"""Attempts to get out of a sandbox: each function is one, run as a program of its own.

    python -I attempts.py NAME BAIT

BAIT is JSON that says where the things outside are (see ``Bait`` in ``conftest.py``). The program prints one word:
HELD when the system refused (an `OSError`), ESCAPED when it did not, TRIED when only somebody outside can tell. Any
other exception is a defect of the attempt.
"""

# What an attacker writes is one call of the kernel a line, without pathlib.
# ruff: noqa: PTH101, PTH102, PTH104, PTH108, PTH112, PTH119, PTH120, PTH123, PTH208, PTH211

import ctypes
import errno
import hashlib
import json
import mmap
import os
import platform
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
BAIT = {}
ATTEMPTS = {}
CONTROLLED = set()
X86 = platform.machine() == "x86_64"

# On x86-64 and on 64-bit ARM.
NUMBERS = {
    "add_key": (248, 217),
    "bpf": (321, 280),
    "clone": (56, 220),
    "clone3": (435, 435),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "finit_module": (313, 273),
    "init_module": (175, 105),
    "io_uring_setup": (425, 425),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "kcmp": (312, 272),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "openat2": (437, 437),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "rt_sigqueueinfo": (129, 138),
    "seccomp": (317, 277),
    "syslog": (103, 116),
    "tgkill": (234, 131),
    "userfaultfd": (323, 282),
}
REFUSALS = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP}


def attempt(function):
    """Register an attempt that anybody would succeed with outside: a control run proves that it can."""
    CONTROLLED.add(function.__name__)
    return uncontrolled(function)


def uncontrolled(function):
    """Register an attempt that must not succeed anywhere on this machine, or cannot without privilege."""
    ATTEMPTS[function.__name__] = function
    return function


def must(result):
    """Turn a C result into the error it stands for."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def reach(result):
    """Take any answer but a refusal as success: the kernel looked at the arguments, so it lets us use the call."""
    if result < 0 and ctypes.get_errno() in REFUSALS:
        must(result)


def syscall(name, *arguments):
    number = NUMBERS[name][0 if X86 else 1]
    return libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))


def require(condition, why="nothing there"):
    if not condition:
        raise FileNotFoundError(errno.ENOENT, why)


def read(path):
    with open(path, "rb") as stream:
        return stream.read()


# --- the network ------------------------------------------------------------------------------------------------------


@attempt
def tcp_to_the_host():
    with socket.create_connection(("127.0.0.1", BAIT["tcp"]), timeout=2) as connection:
        connection.sendall(b"out")


@attempt
def tcp_by_a_nonblocking_connect():
    with socket.socket() as connection:
        connection.setblocking(False)
        require(connection.connect_ex(("127.0.0.1", BAIT["tcp"])) in {0, errno.EINPROGRESS})


@uncontrolled
def tcp6_to_the_host():
    with socket.create_connection(("::1", BAIT["tcp"]), timeout=2) as connection:
        connection.sendall(b"out")


@attempt
def udp_to_the_host():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"out", ("127.0.0.1", BAIT["udp"]))


@uncontrolled
def dns_by_the_resolver():
    socket.getaddrinfo("example.com", 80)


@attempt
def dns_by_hand():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"\0\1\1\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1", ("127.0.0.1", BAIT["udp"]))


@uncontrolled
def cloud_metadata():
    with socket.create_connection(("169.254.169.254", 80), timeout=1) as connection:
        connection.sendall(b"GET /latest/meta-data/ HTTP/1.0\r\n\r\n")
        require(connection.recv(1))


@attempt
def listen_for_tcp():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()


@attempt
def unix_socket_to_the_host():
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(BAIT["unix"])
        connection.sendall(b"out")


@attempt
def abstract_socket_to_the_host():
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("\0" + BAIT["abstract"])
        connection.sendall(b"out")


@attempt
def datagram_by_one_end_of_a_pair():
    ours, _theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.sendto(b"out", BAIT["datagram"])


@attempt
def datagram_by_sendmsg_of_a_pair():
    ours, _theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.sendmsg([b"out"], [], 0, BAIT["datagram"])


@attempt
def datagram_by_a_redirected_pair():
    ours, _theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    ours.connect(BAIT["datagram"])
    ours.send(b"out")


@attempt
def netlink():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
        link.bind((0, 0))


@attempt
def any_socket_family():
    opened = []
    for family in range(1, 46):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            descriptor = libc.socket(family, kind, 0)
            if descriptor >= 0:
                os.close(descriptor)
                opened.append((family, kind))
    require(opened)


@attempt
def kernel_crypto_socket():
    with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET) as crypto:
        crypto.bind(("hash", "sha256"))


@attempt
def send_a_descriptor():
    ours, _theirs = socket.socketpair()
    descriptor = os.open(os.devnull, os.O_RDONLY)
    socket.send_fds(ours, [b"x"], [descriptor])


# --- reading what is not ours -----------------------------------------------------------------------------------------


@attempt
def read_a_secret():
    read(BAIT["secret"])


@attempt
def read_by_openat2():
    how = struct.pack("=QQQ", os.O_RDONLY, 0, 0)
    reach(syscall("openat2", -100, os.fsencode(BAIT["secret"]), how, len(how)))


@attempt
def read_a_secret_by_a_child():
    words = ["/bin/sh", "-c", '[ -n "$(cat "$0")" ]', BAIT["secret"]]
    require(subprocess.run(words, stderr=subprocess.DEVNULL, check=False).returncode == 0)


@attempt
def read_ssh_keys():
    read(BAIT["home"] + "/.ssh/id_rsa")


@attempt
def list_the_home():
    require(os.listdir(BAIT["home"]))


@uncontrolled
def list_the_real_home():
    # The way to the interpreter may lead through it.
    require(set(os.listdir(BAIT["real_home"])) & set(BAIT["home_names"]))


@uncontrolled
def read_shadow():
    read("/etc/shadow")


@attempt
def read_the_hosts_passwd():
    # An image has a file of that name too.
    require(hashlib.sha256(read("/etc/passwd")).hexdigest() == BAIT["passwd"])


@attempt
def read_by_a_symlink():
    os.symlink(BAIT["secret"], "link")
    read("link")


@attempt
def read_by_a_symlinked_directory():
    os.symlink(os.path.dirname(BAIT["secret"]), "directory")
    read("directory/" + os.path.basename(BAIT["secret"]))


@attempt
def read_by_a_hard_link():
    os.link(BAIT["secret"], "hard")
    read("hard")


@attempt
def read_by_climbing():
    read("../" * 40 + BAIT["secret"].lstrip("/"))


@attempt
def read_by_chdir():
    os.chdir(os.path.dirname(BAIT["secret"]))
    read(os.path.basename(BAIT["secret"]))


@attempt
def read_by_proc_self_root():
    read("/proc/self/root" + BAIT["secret"])


@attempt
def read_by_proc_self_cwd():
    read("/proc/self/cwd/" + "../" * 40 + BAIT["secret"].lstrip("/"))


@attempt
def read_by_an_anchor():
    descriptor = os.open(BAIT["secret"], os.O_PATH)
    read(f"/proc/self/fd/{descriptor}")


@attempt
def read_by_sendfile():
    source = os.open(BAIT["secret"], os.O_RDONLY)
    target = os.open("copy", os.O_RDWR | os.O_CREAT)
    require(os.sendfile(target, source, 0, 100))


@attempt
def execute_a_foreign_program():
    subprocess.run([BAIT["program"]], check=True)


@attempt
def inherited_descriptors():
    for descriptor in range(3, 4096):
        try:
            status = os.fstat(descriptor)
        except OSError:
            continue
        os.write(1, f"descriptor {descriptor} {status}\n".encode())
        return
    raise FileNotFoundError


@attempt
def the_environment():
    require([name for name in os.environ if name.startswith("GITHUB_") or name in {"HOME", "PATH", "BLUECODE_SECRET"}])


@attempt
def the_environment_at_the_start():
    require(BAIT["mark"].encode() in read("/proc/self/environ") + read(f"/proc/{os.getppid()}/environ"))


@attempt
def the_environment_of_a_process():
    require(BAIT["mark"].encode() in read(f"/proc/{BAIT['victim']}/environ"))


@attempt
def the_environment_of_every_process():
    found = [p for p in os.listdir("/proc") if p.isdigit() and BAIT["mark"].encode() in _quiet(f"/proc/{p}/environ")]
    require(found)


def _quiet(path):
    try:
        return read(path)
    except OSError:
        return b""


@attempt
def the_arguments_of_every_process():
    found = [p for p in os.listdir("/proc") if p.isdigit() and BAIT["mark"].encode() in _quiet(f"/proc/{p}/cmdline")]
    require([p for p in found if int(p) not in {os.getpid(), os.getppid()}])


@attempt
def memory_by_proc():
    with open(f"/proc/{BAIT['victim']}/mem", "rb"):
        pass


@attempt
def memory_by_process_vm_readv():
    local, remote = ctypes.create_string_buffer(8), ctypes.create_string_buffer(8)
    here = struct.pack("PN", ctypes.addressof(local), 8)
    there = struct.pack("PN", ctypes.addressof(remote), 8)
    reach(syscall("process_vm_readv", BAIT["victim"], here, 1, there, 1, 0))


@attempt
def memory_by_process_vm_writev():
    local, remote = ctypes.create_string_buffer(8), 4096
    here = struct.pack("PN", ctypes.addressof(local), 8)
    there = struct.pack("PN", remote, 8)
    reach(syscall("process_vm_writev", BAIT["victim"], here, 1, there, 1, 0))


@attempt
def ptrace_a_process():
    must(libc.ptrace(0x4206, ctypes.c_long(BAIT["victim"]), None, None))  # PTRACE_SEIZE


@uncontrolled
def ptrace_the_parent():
    must(libc.ptrace(0x4206, ctypes.c_long(os.getppid()), None, None))


@uncontrolled
def memory_of_the_parent():
    with open(f"/proc/{os.getppid()}/mem", "r+b"):
        pass


@attempt
def steal_a_descriptor():
    process = os.pidfd_open(BAIT["victim"])
    reach(syscall("pidfd_getfd", process, 0, 0))


@attempt
def compare_processes():
    reach(syscall("kcmp", os.getpid(), BAIT["victim"], 1, 0, 0))


@uncontrolled
def open_by_handle():
    handle = struct.pack("II8s", 8, 1, bytes(8))
    anchor = os.open(".", os.O_RDONLY)
    reach(libc.open_by_handle_at(anchor, handle, os.O_RDONLY))


@attempt
def watch_a_directory():
    watcher = must(libc.inotify_init1(0))
    must(libc.inotify_add_watch(watcher, os.fsencode(os.path.dirname(BAIT["secret"])), 0xFFF))


@uncontrolled
def watch_a_file_system():
    reach(libc.fanotify_init(0, 0))


@uncontrolled
def read_the_kernel_log():
    reach(syscall("syslog", 3, ctypes.create_string_buffer(100), 100))


@uncontrolled
def open_the_machines_devices():
    harmless = {"null", "zero", "full", "random", "urandom", "tty", "fd", "stdin", "stdout", "stderr", "ptmx", "core"}
    opened = []
    for name in os.listdir("/dev"):
        path = "/dev/" + name
        if name not in harmless and not os.path.isdir(path):
            opened += _opens(path, os.O_RDONLY | os.O_NONBLOCK)
    require(opened)


def _opens(path, flags):
    try:
        os.close(os.open(path, flags))
    except OSError:
        return []
    return [path]


@uncontrolled
def make_a_disk_device():
    os.mknod("disk", 0o600 | 0o060000, os.makedev(254, 0))
    with open("disk", "rb") as disk:
        disk.read(512)


# --- changing what is not ours ----------------------------------------------------------------------------------------


@attempt
def write_a_new_file():
    with open(BAIT["foreign"] + "/planted", "x"):
        pass


@attempt
def append_to_a_file():
    with open(BAIT["secret"], "a") as stream:
        stream.write("more")


@attempt
def truncate_a_file():
    os.truncate(BAIT["secret"], 0)


@attempt
def truncate_what_may_be_read():
    # Opened for reading only, and yet truncated: the first versions of Landlock see the reading.
    os.open(BAIT["readonly"] + "/module.py", os.O_RDONLY | os.O_TRUNC)


@attempt
def truncate_what_may_be_read_by_path():
    os.truncate(BAIT["readonly"] + "/module.py", 0)


@attempt
def write_to_the_project():
    with open(BAIT["readonly"] + "/module.py", "a") as stream:
        stream.write("more")


@attempt
def plant_in_the_project():
    with open(BAIT["readonly"] + "/sitecustomize.py", "x"):
        pass


@attempt
def plant_bytecode_in_the_project():
    os.mkdir(BAIT["readonly"] + "/__pycache__")


@attempt
def rename_a_file_away():
    os.rename(BAIT["secret"], BAIT["foreign"] + "/renamed")


@attempt
def move_a_file_in():
    os.rename(BAIT["secret"], "moved")


@attempt
def exchange_two_files():
    with open("mine", "x"):
        pass
    must(libc.renameat2(-100, b"mine", -100, os.fsencode(BAIT["secret"]), 2))


@attempt
def delete_a_file():
    os.unlink(BAIT["secret"])


@attempt
def make_a_directory():
    os.mkdir(BAIT["foreign"] + "/planted")


@attempt
def make_a_symlink():
    os.symlink("anything", BAIT["foreign"] + "/planted")


@attempt
def make_a_fifo():
    os.mkfifo(BAIT["foreign"] + "/planted")


@attempt
def change_a_mode():
    os.chmod(BAIT["secret"], 0o777)


@attempt
def change_a_mode_by_a_symlink():
    os.symlink(BAIT["secret"], "link")
    os.chmod("link", 0o777)


@attempt
def change_a_mode_by_a_descriptor():
    os.fchmod(os.open(BAIT["readonly"] + "/module.py", os.O_RDONLY), 0o777)


@attempt
def change_a_mode_by_a_directory():
    os.chmod(os.path.basename(BAIT["secret"]), 0o777, dir_fd=os.open(os.path.dirname(BAIT["secret"]), os.O_PATH))


@uncontrolled
def change_a_mode_by_a_race():
    """Swap the path while the call is being decided: whoever looks at it twice, sees two."""
    with open("mine", "x"):
        pass
    paths = [os.fsencode(path).ljust(len(BAIT["secret"]) + 1, b"\0") for path in ("mine", BAIT["secret"])]
    path = ctypes.create_string_buffer(paths[0])
    end = time.monotonic() + 0.3

    def swap():
        while time.monotonic() < end:
            for each in paths:
                path.value = each

    swapper = threading.Thread(target=swap)
    swapper.start()
    while time.monotonic() < end:
        libc.chmod(path, 0o777)
    swapper.join()
    return "TRIED"


@uncontrolled
def change_a_mode_by_a_racing_symlink():
    """The same with the file system: the name stays, what it leads to changes."""
    with open("mine", "x"):
        pass
    end = time.monotonic() + 0.3

    def swap():
        while time.monotonic() < end:
            for target in ("mine", BAIT["secret"]):
                os.symlink(target, "new")
                os.rename("new", "swapped")

    swapper = threading.Thread(target=swap)
    swapper.start()
    while time.monotonic() < end:
        libc.chmod(b"swapped", 0o777)
    swapper.join()
    return "TRIED"


@attempt
def change_a_time():
    os.utime(BAIT["secret"], (1, 1))


@attempt
def change_a_time_by_a_descriptor():
    os.utime(os.open(BAIT["readonly"] + "/module.py", os.O_RDONLY), (1, 1))


@attempt
def change_an_owner():
    os.chown(BAIT["secret"], os.getuid(), os.getgid())


@attempt
def set_an_attribute():
    os.setxattr(BAIT["secret"], "user.mark", b"1")


@attempt
def read_an_attribute():
    os.listxattr(BAIT["secret"])


@attempt
def leave_a_file_in_tmp():
    with open("/tmp/" + BAIT["mark"], "x"):
        pass


@attempt
def leave_a_file_in_shared_memory():
    with open("/dev/shm/" + BAIT["mark"], "x"):
        pass


@uncontrolled
def leave_a_file_beside_the_scratch_directory():
    with open("../" + BAIT["mark"], "x"):
        pass
    return "TRIED"


@attempt
def leave_shared_memory():
    must(libc.shmget(BAIT["key"], 4096, 0o1600))


@attempt
def leave_a_semaphore():
    must(libc.semget(BAIT["key"], 1, 0o1600))


@attempt
def leave_a_message_queue():
    must(libc.msgget(BAIT["key"], 0o1600))


@uncontrolled
def write_to_the_kernels_settings():
    opened = []
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/power/state"):
        opened += _opens(path, os.O_WRONLY)
    for directory, _, names in os.walk("/sys/fs/cgroup"):
        opened += [p for n in names for p in _opens(f"{directory}/{n}", os.O_WRONLY)][:1]
    require(opened)


# --- other processes --------------------------------------------------------------------------------------------------


@attempt
def probe_a_process():
    os.kill(BAIT["victim"], 0)


@attempt
def kill_a_process():
    os.kill(BAIT["victim"], signal.SIGTERM)


@attempt
def kill_a_thread():
    must(syscall("tgkill", BAIT["victim"], BAIT["victim"], signal.SIGTERM))


@attempt
def kill_a_group():
    os.killpg(BAIT["victim"], signal.SIGTERM)


@attempt
def kill_by_a_queued_signal():
    info = struct.pack("iii", signal.SIGTERM, 0, -1) + bytes(116)
    must(syscall("rt_sigqueueinfo", BAIT["victim"], signal.SIGTERM, info))


@attempt
def kill_by_a_pidfd():
    must(syscall("pidfd_send_signal", os.pidfd_open(BAIT["victim"]), signal.SIGTERM, None, 0))


@attempt
def kill_by_a_descriptors_owner():
    import fcntl

    reading, writing = os.pipe()
    fcntl.fcntl(reading, 8, BAIT["victim"])  # F_SETOWN
    fcntl.fcntl(reading, 10, signal.SIGTERM)  # F_SETSIG
    fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC)
    os.write(writing, b"x")


@uncontrolled
def kill_everybody():
    os.kill(-1, signal.SIGKILL)
    return "TRIED"


@uncontrolled
def kill_the_parents():
    for pid in (os.getppid(), 1):
        os.kill(pid, signal.SIGKILL)


@uncontrolled
def kill_the_neighbours():
    killed = []
    for pid in range(max(2, os.getpid() - 300), os.getpid() + 300):
        if pid != os.getpid():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
            killed.append(pid)
    require(killed)


@attempt
def slow_a_process_down():
    os.setpriority(os.PRIO_PROCESS, BAIT["victim"], 5)


@attempt
def slow_the_group_down():
    os.setpriority(os.PRIO_PGRP, 0, os.getpriority(os.PRIO_PROCESS, 0))  # all of the user's would be the machine's


@attempt
def move_a_process_to_another_processor():
    os.sched_setaffinity(BAIT["victim"], os.sched_getaffinity(BAIT["victim"]))


@attempt
def limit_a_process():
    import resource

    resource.prlimit(BAIT["victim"], resource.RLIMIT_NOFILE, (10, 10))


@attempt
def dump_core():
    # With a limit of zero, a crash still starts the machine's crash handler outside.
    must(libc.setrlimit(4, bytes(16)))


@attempt
def type_into_a_terminal():
    import fcntl

    for descriptor in (0, 1, 2, *_terminal()):
        try:
            fcntl.ioctl(descriptor, 0x5412, b"x")  # TIOCSTI
        except OSError as error:
            if error.errno not in {errno.ENOTTY, errno.EPERM, errno.EACCES}:
                return
            continue
        return
    master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(master, 0x80045430, bytes(4))  # TIOCGPTN


def _terminal():
    try:
        return (os.open("/dev/tty", os.O_RDWR),)
    except OSError:
        return ()


def _daemon():
    words = [sys.executable, "-I", "-c", "import time; time.sleep(60)", BAIT["mark"]]
    return subprocess.Popen(words, start_new_session=True, stdin=subprocess.DEVNULL)


@uncontrolled
def outlive_by_a_new_session():
    _daemon()
    return "TRIED"


@uncontrolled
def outlive_by_a_double_fork():
    if not os.fork():
        os.setsid()
        if not os.fork():
            os.close(0)
            _daemon()
        os._exit(0)
    time.sleep(0.3)
    return "TRIED"


@uncontrolled
def outlive_by_ignoring_signals():
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    _daemon()
    return "TRIED"


@uncontrolled
def outlive_stopped():
    os.kill(_daemon().pid, signal.SIGSTOP)
    return "TRIED"


@uncontrolled
def outlive_by_another_parent():
    # CLONE_PARENT: the new process is a sibling of this one, not its child.
    if syscall("clone", 0x8000 | signal.SIGCHLD, 0, 0, 0, 0) == 0:
        _daemon()
        os._exit(0)
    time.sleep(0.3)
    return "TRIED"


@uncontrolled
def outlive_by_a_reaper_of_its_own():
    must(libc.prctl(36, 1, 0, 0, 0))
    if not os.fork():
        _daemon()
        os._exit(0)
    time.sleep(0.3)
    return "TRIED"


@uncontrolled
def outlive_the_deadline():
    _daemon()
    sys.stdout.write("TRIED\n")
    sys.stdout.flush()
    time.sleep(60)


@uncontrolled
def outlive_by_breeding():
    """Be another process whenever somebody looks."""
    sys.stdout.write("TRIED\n")
    sys.stdout.flush()
    subprocess.run([sys.executable, "-I", "-c", _BREEDER, BAIT["mark"]], start_new_session=True, check=False)


_BREEDER = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    try:
        if os.fork():
            os._exit(0)
        os.setsid()
    except OSError:
        pass
"""


@uncontrolled
def keep_the_pipe_open():
    """Leave a child that holds standard output: the job is over when its process is."""
    subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(60)", BAIT["mark"]])
    return "TRIED"


# --- the kernel -------------------------------------------------------------------------------------------------------


@attempt
def new_user_namespace():
    if not os.fork():
        os._exit(libc.unshare(0x10000000) and 1)
    require(os.wait()[1] == 0)


@uncontrolled
def new_mount_namespace():
    reach(libc.unshare(0x00020000))


@uncontrolled
def new_namespace_by_clone():
    child = syscall("clone", 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    reach(child)


@uncontrolled
def new_namespace_by_clone3():
    reach(syscall("clone3", struct.pack("=8Q", 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0), 64))


@uncontrolled
def enter_a_namespace():
    reach(libc.setns(os.pidfd_open(BAIT["victim"]), 0x00020000))


@uncontrolled
def mount():
    reach(libc.mount(b"none", b".", b"tmpfs", 0, None))


@uncontrolled
def mount_the_new_way():
    for name in ("fsopen", "open_tree", "move_mount", "mount_setattr"):
        reach(syscall(name, b"tmpfs", 0, 0, 0, 0))


@uncontrolled
def unmount():
    reach(libc.umount2(b"/", 0))


@uncontrolled
def change_the_root():
    os.chroot(".")


@uncontrolled
def pivot_the_root():
    reach(syscall("pivot_root", b".", b"."))


@attempt
def bpf():
    reach(syscall("bpf", 0, bytes(128), 128))


@attempt
def io_uring():
    reach(syscall("io_uring_setup", 1, ctypes.create_string_buffer(120)))


@attempt
def perf_event_open():
    reach(syscall("perf_event_open", struct.pack("=II", 1, 112) + bytes(104), 0, -1, -1, 0))


@attempt
def userfaultfd():
    reach(syscall("userfaultfd", 1))


@attempt
def keyring():
    reach(syscall("keyctl", 0, -3, 0))
    reach(syscall("add_key", b"user", b"mark", b"1", 1, -3))


@attempt
def request_a_key():
    reach(syscall("request_key", b"user", b"none", None, -3))


@uncontrolled
def load_a_kernel():
    reach(syscall("kexec_load", 0, 0, None, 0))


@uncontrolled
def load_a_module():
    for name in ("init_module", "finit_module", "delete_module"):
        reach(syscall(name, -1, 0, b"", 0))


@uncontrolled
def reboot():
    reach(syscall("reboot", 0, 0, 0, None))  # wrong magic numbers: EINVAL to those who may


@uncontrolled
def set_the_clock():
    reach(syscall("clock_settime", 0, struct.pack("=qq", 0, -1)))


@uncontrolled
def swap():
    reach(libc.swapon(b"none", 0))


@uncontrolled
def quota():
    reach(syscall("quotactl", 0, None, 0, None))


@uncontrolled
def host_name():
    reach(libc.sethostname(b"x" * 100, 100))


@attempt
def hidden_file():
    os.memfd_create("hidden")


@attempt
def another_filter():
    must(libc.prctl(38, 1, 0, 0, 0))  # PR_SET_NO_NEW_PRIVS, without which only root may
    must(syscall("seccomp", 1, 0, struct.pack("HxxxxxxP", 1, ctypes.addressof(_ALLOW_ALL))))


_ALLOW_ALL = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000))


@uncontrolled
def answer_its_own_questions():
    """Find the filter's descriptor, with which a job would decide for itself."""
    for descriptor in range(4096):
        size = ctypes.create_string_buffer(80)
        if libc.ioctl(descriptor, ctypes.c_ulong(0xC0502100), size) == 0 or ctypes.get_errno() == errno.EINVAL:
            return
    raise FileNotFoundError


@uncontrolled
def regain_capabilities():
    must(libc.capset(struct.pack("=Ii", 0x20080522, 0), b"\xff" * 24))


@uncontrolled
def hold_capabilities():
    data = ctypes.create_string_buffer(24)
    must(libc.capget(struct.pack("=Ii", 0x20080522, 0), data))
    require(any(data.raw))


@uncontrolled
def capabilities_by_exec():
    code = (
        "import ctypes, struct; d = ctypes.create_string_buffer(24);"
        "ctypes.CDLL(None).capget(struct.pack('=Ii', 0x20080522, 0), d); raise SystemExit(any(d.raw))"
    )
    require(subprocess.run([sys.executable, "-I", "-c", code], check=False).returncode)


@uncontrolled
def become_somebody_else():
    os.setuid(1 if os.getuid() != 1 else 2)


@uncontrolled
def privileges_by_a_set_uid_program():
    require(libc.prctl(39, 0, 0, 0, 0) != 1)  # PR_GET_NO_NEW_PRIVS


@attempt
def outlive_the_parents_death():
    must(libc.prctl(1, 0, 0, 0, 0))  # PR_SET_PDEATHSIG: none


@uncontrolled
def calls_of_another_architecture():
    """Use the 32-bit entry, where the numbers mean other calls: 20 is getpid there, writev here."""
    if not X86:
        raise PermissionError
    child = os.fork()
    if not child:
        code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20; int 0x80; ret
        enter = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
        os._exit(0 if enter() == os.getpid() else 1)
    require(os.waitpid(child, 0)[1] == 0)


@uncontrolled
def calls_of_the_x32_architecture():
    # Bit 30 marks the x32 table: 41 is socket in it as well.
    reach(libc.syscall(ctypes.c_long(0x40000000 | 41), 2, 1, 0))


@uncontrolled
def forge_the_report():
    """Write to every descriptor there could be, of which one might be the way to those who believe the report."""
    written = [descriptor for descriptor in range(3, 4096) if libc.write(descriptor, b"x", 1) == 1]
    require(written)


def main():
    name, bait = sys.argv[1:]
    BAIT.update(json.loads(bait))
    try:
        answer = ATTEMPTS[name]() or "ESCAPED"
    except OSError as error:
        answer = f"HELD {error}"
    sys.stdout.write(answer + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
