"""The parts behind the wall, each by itself: messages, numbers, the filter's program, directories, process trees."""

import os
import re
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bluecode_lint.sandbox.inside import filter as seccomp
from bluecode_lint.sandbox.inside import numbers, scratch, tree, wire

CAPS = wire.Caps(
    wall_s=1.5, cpu_s=2, memory_mib=3, processes=4, file_mib=5, scratch_mib=6, scratch_files=7, output_bytes=8
)


def reader(message):
    stream = iter([message])
    rest = bytearray(next(stream))

    def read(size):
        taken = bytes(rest[:size])
        del rest[:size]
        return taken

    return read


def test_an_order_survives_the_wire():
    order = wire.Order(
        argv=("a", "\udcff", "ü"),
        env={"K": "v\udc80"},
        readonly=("/x",),
        collect=("c",),
        caps=CAPS,
        is_python=True,
        stdin=bytes(range(256)),
        files={"empty": b"", "ü\udcff": b"\0x"},
    )
    assert wire.read_order(reader(wire.pack_order(order))) == order


def test_a_report_survives_the_wire():
    report = wire.Report(-9, 1.25, "wall", True, b"out\xff", b"", {"f": b"x"}, "fault")
    assert wire.read_report(reader(wire.pack_report(report))) == report


def test_a_message_over_a_pipe_ends_with_it():
    reading, writing = os.pipe()
    os.write(writing, b"abc")
    os.close(writing)
    assert wire.read_exactly(reading, 2) == b"ab"
    with pytest.raises(wire.HangUpError):
        wire.read_exactly(reading, 2)
    os.close(reading)


def test_nobody_reads_any_more():
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(wire.HangUpError):
        wire.write_all(writing, b"x")
    os.close(writing)


@pytest.mark.parametrize(
    ("table", "header"),
    [
        (numbers._X86_64, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        (numbers._AARCH64, "/usr/include/asm-generic/unistd.h"),
    ],
)
def test_the_numbers_are_the_kernels(table, header):
    if not Path(header).exists():
        pytest.skip(f"no {header}")
    text = Path(header).read_text()
    theirs = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
    ours = numbers._parse(table)
    # The generic table names some by their 64-bit variants.
    aliases = {"newfstatat": "fstatat", "fchmodat2": None}
    for name, number in ours.items():
        known = theirs.get(name, theirs.get(aliases.get(name, name)))
        assert known in {number, None}, name
    assert len(set(ours) & set(theirs)) > 100


def run_filter(program, number, *arguments, arch=numbers.AUDIT_ARCH):
    """Run a seccomp program as the kernel would, and give the action."""
    data = struct.pack("=iIQ6Q", number, arch, 0, *arguments, *[0] * (6 - len(arguments)))
    accumulator = position = 0
    code = list(struct.iter_unpack("=HBBI", program))
    while True:
        operation, if_true, if_false, value = code[position]
        position += 1
        if operation == 0x20:
            accumulator = struct.unpack_from("=I", data, value)[0]
        elif operation == 0x54:
            accumulator &= value
        elif operation == 0x15:
            position += if_true if accumulator == value else if_false
        elif operation == 0x45:
            position += if_true if accumulator & value else if_false
        else:
            assert operation == 0x06
            return value


ALLOW, ASK, KILL = 0x7FFF0000, 0x7FC00000, 0x80000000
N = numbers.NUMBERS


@pytest.mark.skipif(not numbers.AUDIT_ARCH, reason="not our architecture")
@pytest.mark.parametrize(
    ("abi", "name", "arguments", "action"),
    [
        (7, "read", (), ALLOW),
        (7, "socket", (2, 1), 0x50000 | 13),
        (7, "socketpair", (1, 1), ALLOW),
        (7, "socketpair", (1, 1 | 0o2000000 | 0o4000), ALLOW),
        (7, "socketpair", (1, 2), 0x50000 | 13),
        (7, "socketpair", (2, 1), 0x50000 | 13),
        (7, "sendto", (3, 4, 5, 0, 0, 0), ALLOW),
        (7, "sendto", (3, 4, 5, 0, 1 << 32, 0), 0x50000 | 13),
        (7, "sendto", (3, 4, 5, 0, 8, 0), 0x50000 | 13),
        (7, "clone", (17,), ASK),
        (7, "clone", (0x10000000 | 17,), 0x50000 | 1),
        (7, "clone", (0x00020000 | 17,), 0x50000 | 1),
        (7, "clone3", (), 0x50000 | 38),
        (7, "ioctl", (0, 0x5401), ALLOW),
        (7, "ioctl", (0, 0x5412), 0x50000 | 25),
        (7, "ioctl", (0, 0xFFFFFFFF00005412), 0x50000 | 25),
        (7, "fcntl", (0, 3), ALLOW),
        (7, "fcntl", (0, 8), 0x50000 | 1),
        (7, "prlimit64", (0, 7, 0, 0), ALLOW),
        (7, "prlimit64", (5, 7, 0, 0), 0x50000 | 1),
        (7, "prlimit64", (0, 4, 0, 8), ALLOW),
        (7, "prlimit64", (0, 4, 8, 0), 0x50000 | 1),
        (7, "rt_sigaction", (10, 8), ALLOW),
        (7, "rt_sigaction", (17, 0), ALLOW),
        (7, "rt_sigaction", (17, 8), ASK),
        (7, "rt_sigaction", (17, 1 << 32), ASK),
        (7, "openat", (0, 0, 0o1000), 0x50000 | 13),
        (7, "openat", (0, 0, 0o1001), ALLOW),
        (7, "openat", (0, 0, 0o1002), ALLOW),
        (7, "openat", (0, 0, 0o1003), 0x50000 | 13),
        (7, "openat", (0, 0, 0o2000000), ALLOW),
        (7, "kill", (5, 9), ALLOW),
        (5, "kill", (5, 9), ASK),
        (7, "pidfd_send_signal", (5, 9), ALLOW),
        (5, "pidfd_send_signal", (5, 9), 0x50000 | 1),
        (3, "truncate", (), ALLOW),
        (2, "truncate", (), 0x50000 | 13),
        (7, "setpriority", (0, 0), ALLOW),
        (7, "setpriority", (0, 5), 0x50000 | 1),
        (7, "setpriority", (2, 0), 0x50000 | 1),
        (7, "personality", (0xFFFFFFFF,), ALLOW),
        (7, "personality", (0x40000,), 0x50000 | 1),
        (7, "fchmodat2", (), ASK),
    ],
)
def test_what_the_filter_decides(abi, name, arguments, action):
    assert run_filter(seccomp.assemble(abi), N[name], *arguments) == action


@pytest.mark.skipif(not numbers.AUDIT_ARCH, reason="not our architecture")
def test_what_the_filter_does_not_know_is_not_there():
    program = seccomp.assemble(7)
    known = set(N.values())
    assert {run_filter(program, number) for number in range(600) if number not in known} == {0x50000 | 38}
    assert run_filter(program, 0x40000000 | N["read"]) == 0x50000 | 38
    assert run_filter(program, N["read"], arch=0x40000003) == KILL
    assert len(program) // 8 < 4096


@pytest.mark.skipif(not numbers.AUDIT_ARCH, reason="not our architecture")
def test_the_bolt_forbids_two_calls():
    bolt = seccomp.assemble_bolt()
    assert run_filter(bolt, N["sendmsg"]) == 0x50000 | 13
    assert run_filter(bolt, N["seccomp"]) == 0x50000 | 13
    assert run_filter(bolt, N["read"]) == ALLOW


def test_clearing_a_hostile_directory(tmp_path):
    here = Path.cwd()
    root = tmp_path / "root"
    root.mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    try:
        os.chdir(root)
        (root / "link").symlink_to(outside)
        (root / "dangling").symlink_to("nowhere")
        os.mkfifo(root / "fifo")
        (root / "file").write_text("x")
        (root / "file").chmod(0)
        (root / "closed/inner").mkdir(parents=True)
        (root / "closed/inner/f").write_text("x")
        (root / "closed/inner").chmod(0)
        (root / "closed").chmod(0)
        for _ in range(300):  # deeper than any path may be long
            Path("d" * 50).mkdir()
            os.chdir("d" * 50)
    finally:
        os.chdir(here)
    scratch.clear(str(root))
    assert list(root.iterdir()) == []
    assert (outside / "kept").exists()


def test_measuring(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/big").write_bytes(bytes(100_000))
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(1 << 30)
    (tmp_path / "link").symlink_to("/usr")
    size, entries = scratch.measure(str(tmp_path), 100)
    assert entries == 5
    assert 100_000 <= size < 200_000
    _, entries = scratch.measure(str(tmp_path), 2)
    assert entries > 2


def test_measuring_goes_into_closed_directories(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("nothing is closed to root")
    (tmp_path / "a").mkdir()
    (tmp_path / "a/big").write_bytes(bytes(100_000))
    (tmp_path / "a").chmod(0)
    assert scratch.measure(str(tmp_path), 100)[0] >= 100_000


def test_measuring_too_deep_a_tree_is_too_many(tmp_path):
    here = Path.cwd()
    try:
        os.chdir(tmp_path)
        for _ in range(30):
            Path("d" * 200).mkdir()
            os.chdir("d" * 200)
    finally:
        os.chdir(here)
    assert scratch.measure(str(tmp_path), 1000)[1] > 1000
    scratch.clear(str(tmp_path))


def test_descendants_are_found_both_ways():
    script = "import subprocess, sys, time; subprocess.Popen(['sleep', '60']); print('up', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        parent.stdout.readline()
        found = tree.descendants(os.getpid())
        try:
            assert parent.pid in found
            assert len(tree.descendants(parent.pid)) == 1
            assert set(tree._descendants_by_scan(parent.pid)) == set(tree.descendants(parent.pid))
            assert tree.count_tasks(parent.pid) == 1
            assert tree.memory_bytes(os.getpid(), 1 << 40) > 1 << 20
            assert 0 < tree.memory_bytes(os.getpid(), 0) <= tree.memory_bytes(os.getpid(), 1 << 40) * 1.1
        finally:
            for pid in (*tree.descendants(parent.pid), parent.pid):
                os.kill(pid, 9)
    time.sleep(0.01)
