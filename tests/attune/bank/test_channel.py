"""The channel simulator: pure, fair between the arms, and consistent with what the customer would do."""

from attune.bank.channel import REACH, ChannelSimulator

PEOPLE = [f"C{n:08d}" for n in range(20_000)]


def test_the_order_of_the_questions_changes_nothing() -> None:
    one, other = ChannelSimulator(3), ChannelSimulator(3)
    assert [one.contact(c, buys=True) for c in PEOPLE[:50]] == [
        other.contact(c, buys=True) for c in reversed(PEOPLE[:50])
    ][::-1]
    assert [one.reached(c) for c in PEOPLE] != [ChannelSimulator(4).reached(c) for c in PEOPLE]


def test_the_reach_is_met() -> None:
    reached = sum(ChannelSimulator(3).reached(c) for c in PEOPLE) / len(PEOPLE)
    assert abs(reached - REACH) < 0.01


def test_the_answer_fits_the_reach_and_the_customer() -> None:
    simulator = ChannelSimulator(3)
    for cif in PEOPLE[:500]:
        for buys in (True, False):
            contact = simulator.contact(cif, buys=buys)
            assert contact.reached == simulator.reached(cif)
            assert contact.reached == (contact.disposition != "not_reached")
            assert contact.reached or contact.response is None
            assert not (buys and contact.response == "refused")
            assert buys or contact.response != "accepted"
        assert 10 <= simulator.delay_minutes(cif) <= 1_200
