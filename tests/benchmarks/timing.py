"""What a piece of work costs: wall-clock and CPU time, in milliseconds."""

import time


def clocks():
    """Now, by the wall and by the CPU."""
    return 1000 * time.perf_counter(), 1000 * time.process_time()


def since(start):
    """What has passed since an earlier `clocks()`."""
    return [now - then for now, then in zip(clocks(), start, strict=True)]


def cost(work, *arguments):
    """What a call costs."""
    start = clocks()
    work(*arguments)
    return since(start)
