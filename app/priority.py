"""The threads of the pool step back behind the one that draws the window."""

import os
import sys
import threading

LESS = 5
"""How nice a thread of the pool is: it gets a third of what the window gets where both want the same core."""


def step_back() -> None:
    """To be called in a thread of the pool; elsewhere it does nothing.

    Only Linux weighs a process's threads one by one; there the threads that this one starts are as nice.
    """
    if sys.platform == "linux" and threading.get_ident() != threading.main_thread().ident:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LESS)
