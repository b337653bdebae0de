"""The alarm rings for a block that is not left in time, and never for one that was."""

from __future__ import annotations

import threading

from smartticket_connectors.imap.alarm import Alarm


def test_it_rings_while_the_block_lasts() -> None:
    rung = threading.Event()
    with Alarm().within(0.05, rung.set):
        assert rung.wait(10)


def test_it_never_rings_for_a_block_that_was_left() -> None:
    alarm, rung, later = Alarm(), threading.Event(), threading.Event()
    for _ in range(100):
        with alarm.within(0.05, rung.set):
            pass
    with alarm.within(0.3, later.set):
        assert later.wait(10)
    assert not rung.is_set()


def test_blocks_of_several_threads_ring_apart() -> None:
    alarm, soon, late = Alarm(), threading.Event(), threading.Event()
    with alarm.within(600, late.set), alarm.within(0.05, soon.set):
        assert soon.wait(10)
    assert not late.is_set()
