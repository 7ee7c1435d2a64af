"""What follows from signals, by when they come and to whom."""

import os
import signal

import pytest

from bytelm.training.launching.sign import JobSign, listening

NOTICE = signal.SIGUSR2


class Requeued(Exception):
    pass


def requeue() -> None:
    raise Requeued


def sign_of(first: bool = True, goes_on: bool = True) -> JobSign:
    return JobSign(first, lambda signals: goes_on, requeue)


@pytest.mark.parametrize("number", [NOTICE, signal.SIGTERM])
def test_while_it_trains(number: int) -> None:
    """A signal is remembered; what follows waits until all is saved."""
    sign = sign_of()
    assert not sign.asked
    sign.handle(number, None)
    sign.handle(number, None)
    assert sign.asked
    with pytest.raises(Requeued):
        sign.leave()


@pytest.mark.parametrize("number", [NOTICE, signal.SIGTERM])
def test_before_it_trains(number: int) -> None:
    """Nothing is there to save, so the first process requeues at once; the others wait for what it does."""
    with pytest.raises(Requeued):
        sign_of().handle(number, None)
    other = sign_of(first=False)
    other.handle(number, None)
    assert other.asked


def test_other_processes_never_requeue() -> None:
    sign = sign_of(first=False)
    sign.handle(NOTICE, None)
    sign.leave()


def test_a_process_that_heard_of_it_from_another() -> None:
    """Which process was sent the signal does not matter: the loop has ended, and the first process requeues."""
    with pytest.raises(Requeued):
        sign_of().leave()


def test_jobs_that_do_not_go_on() -> None:
    sign = sign_of(goes_on=False)
    assert not sign.asked
    sign.handle(signal.SIGTERM, None)
    sign.leave()
    with pytest.raises(SystemExit) as left:
        sign_of(goes_on=False).handle(signal.SIGTERM, None)
    assert left.value.code == 0


def test_interrupts_are_not_requeued() -> None:
    sign = sign_of()
    assert not sign.asked
    sign.handle(signal.SIGINT, None)
    sign.handle(signal.SIGTERM, None)
    assert sign.asked
    sign.leave()


def test_what_signals_did_before_comes_back() -> None:
    before = signal.getsignal(NOTICE)
    sign = sign_of()
    assert not sign.asked
    with listening(sign, (NOTICE,)):
        os.kill(os.getpid(), NOTICE)
        assert sign.asked
    assert signal.getsignal(NOTICE) == before
