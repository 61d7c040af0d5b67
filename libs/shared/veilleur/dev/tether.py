"""The first thing a child runs: it becomes the program it is told to, tied to the process that started it.

Run by path, on an interpreter without site packages: `python -I -S tether.py PARENT SIGNAL ACCOUNT PROGRAM ARGUMENT…`.
ACCOUNT is `uid:gid`, or `-` to stay the same user. On Linux the kernel sends SIGNAL to the program when its starter
dies, however it dies; elsewhere the next start clears up. A forked child of a process with threads may safely do
little before it executes, so this is a program of its own and no `preexec_fn`.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    parent, death_signal, account, *command = arguments
    # Found before the user changes: the interpreter may stand where the new user can't read.
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if account != "-":
        uid, gid = map(int, account.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # After the change of user, which would clear it.
    if libc is not None and libc.prctl(_PR_SET_PDEATHSIG, int(death_signal)) != 0:
        sys.exit(f"the kernel refuses to tie this process to its parent: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent):
        sys.exit("the process that started this one is gone")
    os.execv(command[0], command)  # noqa: S606 - the arguments come from `processes`, which names the program


if __name__ == "__main__":
    main(sys.argv[1:])
