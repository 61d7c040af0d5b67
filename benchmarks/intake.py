"""Durable signed webhooks accepted per second in one API process ÷ a bare FastAPI endpoint with the same body model.

Ours verifies, checks, stores with an fsync and counts usage before it answers; the other one only parses.
"""

from _bench import Client, Machine, is_listening, make_items, median, open_machine, rates, show_result, wait_until
from _load import CONNECTIONS, send_all

ROUNDS = 4
REQUESTS = 4_000


def main() -> None:
    with (
        open_machine() as machine,
        machine.run_api(),
        machine.run(machine.script("_bare", str(machine.ports["bare"]))),
    ):
        wait_until(lambda: is_listening(machine.ports["bare"]), "the bare endpoint")
        client = machine.start_client()
        _round(machine, client, "warm", 1_000)
        rounds = [_round(machine, client, f"round{number}", REQUESTS) for number in range(ROUNDS)]
    ours, bare = zip(*rounds, strict=True)
    show_result(
        "webhooks accepted ÷ bare endpoint",
        median([one / other for one, other in rounds]),
        "≥ 0.65",
        [
            ("durable signed webhooks", rates(ours)),
            ("bare FastAPI, same model", rates(bare)),
            ("load", f"{ROUNDS} rounds of {REQUESTS:,} requests, {CONNECTIONS} connections"),
        ],
    )


def _round(machine: Machine, client: Client, prefix: str, count: int) -> tuple[float, float]:
    requests = [client.sign(item) for item in make_items(count, prefix)]
    ours = send_all(machine.ports["api"], requests).require(202)
    bare = send_all(machine.ports["bare"], requests).require(202)
    return ours.per_second, bare.per_second


if __name__ == "__main__":
    main()
