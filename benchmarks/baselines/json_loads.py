"""The floor: the cost of only parsing events as JSON.

``python json_loads.py`` takes events on stdin, one a line, and prints the CPU time of each in nanoseconds: the
median of a few readings, after one that does not count. It has its own process, so that the garbage collector walks
no other objects.
"""

import json
import statistics
import sys
import time

_READINGS = 5


def main() -> None:
    """Read each event again and again."""
    taken = []
    for event in sys.stdin.buffer:
        readings = []
        for _ in range(_READINGS + 1):
            before = time.process_time_ns()
            json.loads(event)
            readings.append(time.process_time_ns() - before)
        taken.append(statistics.median(readings[1:]))
    print(json.dumps(taken))


if __name__ == "__main__":
    main()
