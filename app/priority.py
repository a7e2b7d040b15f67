"""The threads of the pool step back behind the one that draws the window."""

import os
import sys
import threading

LESS = 5
"""How nice a thread of the pool is: it gets a third of what the window gets where both want the same core."""

TURN = 0.001
"""Seconds that a thread may go on with Python while another waits for it. The window waits some of these for each key:
with Python's own 5 ms it stood still for a tenth of a second while the health of thousands of pictures was looked at.
That takes no longer for it."""


def step_back() -> None:
    """To be called in a thread of the pool; elsewhere it does nothing.

    Only Linux weighs a process's threads one by one; there the threads that this one starts are as nice.
    """
    if sys.platform == "linux" and threading.get_ident() != threading.main_thread().ident:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LESS)


def take_short_turns() -> None:
    """To be called once, in a process with a window."""
    sys.setswitchinterval(TURN)
