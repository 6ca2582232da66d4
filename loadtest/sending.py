"""Run with `python -m loadtest.sending`: Locust in a process that ends without a traceback at any interrupt."""

import signal

from scripts.bootstrap import process


def main() -> None:
    """Run Locust. An interrupt ends it as the system does, until the locustfile handles interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from locust.main import main as locust

    locust()  # type: ignore[no-untyped-call] # it exits with its code


if __name__ == "__main__":
    # Python's own handler was in force until here, so `loadtest run` starts this process with signals blocked.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    process.run("loadtest.sending:main")
