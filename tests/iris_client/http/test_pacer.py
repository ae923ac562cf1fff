import threading

import pytest

from iris_client.http.pacer import SKYPORTAL_BURST, SKYPORTAL_RATE, Pacer, shared_pacer


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def make(rate: float = 5.0, burst: int = 10) -> tuple[Pacer, Clock]:
    clock = Clock()
    return Pacer(rate, burst, clock=clock, sleep=clock.sleep), clock


def test_a_burst_goes_at_once_and_then_the_rate_holds() -> None:
    pacer, clock = make()
    assert [pacer.wait() for _ in range(10)] == pytest.approx([0.0] * 10)
    assert pacer.wait() == pytest.approx(0.2)
    start = clock.now
    for _ in range(50):
        pacer.wait()
    assert clock.now - start == pytest.approx(10.0)


def test_a_pause_fills_the_bucket_but_not_beyond_the_burst() -> None:
    pacer, clock = make(burst=3)
    for _ in range(3):
        pacer.wait()
    clock.now += 1000
    assert [pacer.wait() > 1e-9 for _ in range(4)] == [False, False, False, True]


def test_no_window_of_a_second_sees_more_than_nginx_allows() -> None:
    pacer, clock = make(SKYPORTAL_RATE, SKYPORTAL_BURST)
    excess = 0.0
    last = clock.now
    for i in range(300):
        if i % 70 == 0:
            clock.now += 7.0
        pacer.wait()
        excess = max(0.0, excess - 5.0 * (clock.now - last)) + (1.0 if i else 0.0)
        last = clock.now
        assert excess <= 10.0, "nginx: rate 5 r/s, burst 10, nodelay"


def test_after_a_429_nobody_goes_for_a_while_and_nobody_bursts() -> None:
    pacer, _ = make()
    pacer.pause(3.0)
    assert pacer.wait() == pytest.approx(3.0)
    assert pacer.wait() == pytest.approx(0.2)


def test_threads_share_one_bucket() -> None:
    lock, waits = threading.Lock(), []
    pacer = Pacer(5.0, 4, clock=lambda: 100.0, sleep=lambda _: None)

    def work() -> None:
        delay = pacer.wait()
        with lock:
            waits.append(round(delay, 6))

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [0.0] * 4 + [round(0.2 * i, 6) for i in range(1, 9)]


def test_one_pacer_per_token_and_server() -> None:
    first = shared_pacer("http://a", "t1")
    assert shared_pacer("http://a", "t1") is first
    assert shared_pacer("http://a", "t2") is not first
    assert shared_pacer("http://b", "t1") is not first


@pytest.mark.parametrize(("rate", "burst"), [(0, 5), (-1, 5), (5, 0)])
def test_nonsense_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="rate must be positive"):
        Pacer(rate, burst)
