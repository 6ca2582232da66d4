"""The state of an event source mapping while it is changed.

LocalEmu updates a mapping by replacing its worker. The new worker reports `Creating`, which an existing mapping never
does on AWS, and Terraform gives up: "unexpected state 'Creating', wanted target 'Disabled, Enabled'". The old worker
may take a while to finish its batches. Then it reports `Disabled`, and overwrites the state of the new one.
"""
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-unimported"

import threading
from collections.abc import Callable
from typing import Any

from localemu.services.lambda_.event_source_mapping.esm_worker import EsmState, EsmWorker

# The latest worker of each mapping, whose state counts.
_speakers: dict[str, Any] = {}
_lock = threading.Lock()


def install() -> None:
    """Take the state of a mapping from its latest worker only, and let a successor begin as `Enabling`."""
    create: Callable[[Any], None] = EsmWorker.create
    start: Callable[[Any], None] = EsmWorker.start
    update_state: Callable[[Any, Any], None] = EsmWorker.update_esm_state_in_store
    delete: Callable[[Any], None] = EsmWorker.delete_esm_in_store

    def create_and_speak(worker: Any) -> None:
        with _lock:
            worker.is_successor = worker.uuid in _speakers
            _speakers[worker.uuid] = worker
        create(worker)

    def start_as_successor(worker: Any) -> None:
        if worker.is_successor:
            worker.current_state = EsmState.UPDATING  # and no longer Creating, which `start` would keep
        start(worker)

    def update_state_if_speaker(worker: Any, state: Any) -> None:
        with _lock:
            speaks = _speakers.get(worker.uuid) is worker
        if speaks:
            update_state(worker, state)

    def delete_and_be_silent(worker: Any) -> None:
        delete(worker)
        with _lock:
            _speakers.pop(worker.uuid, None)

    EsmWorker.create = create_and_speak
    EsmWorker.start = start_as_successor
    EsmWorker.update_esm_state_in_store = update_state_if_speaker
    EsmWorker.delete_esm_in_store = delete_and_be_silent
