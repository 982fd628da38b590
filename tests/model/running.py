"""Running the machine so many times, the same way for the same seed."""

from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis import seed as seeded
from hypothesis.stateful import run_state_machine_as_test

from tests.model.both import Town
from tests.model.machine import ThriftMachine

STEPS = 6


def run_machine(town: Town, *, sequences: int, seed: int) -> Counter:
    """Run so many sequences of up to STEPS acts; returns what was done how often.

    A disagreement is raised, with the seed and the shortest way to it.
    """

    class Machine(ThriftMachine):
        pass

    Machine.town = town
    wanted = settings(
        max_examples=sequences,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seeded(seed)(Machine), settings=wanted)
    except Exception as disagreement:
        disagreement.add_note(f"seed {seed}, {sequences} sequences")
        raise
    return town.acts
