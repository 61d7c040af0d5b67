from hypothesis import given
from hypothesis import strategies as st

from veilleur.domain.rules.logic import Gate, pack_answers, resolve_gate

ANSWERS = st.lists(st.sampled_from([True, False, None]), min_size=6, max_size=6)
TREES = st.recursive(
    st.integers(0, 5),
    lambda parts: st.tuples(st.sampled_from(["all", "any", "none"]), st.lists(parts, min_size=1, max_size=4)),
    max_leaves=12,
)


def to_gate(tree):
    if isinstance(tree, int):
        return Gate("all", 1 << tree)
    kind, parts = tree
    mask = sum({1 << part for part in parts if isinstance(part, int)})
    return Gate(kind, mask, tuple(to_gate(part) for part in parts if not isinstance(part, int)))


def by_the_book(tree, answers):
    """Kleene's tables, one part after the other."""
    if isinstance(tree, int):
        return answers[tree]
    kind, parts = tree
    known = [by_the_book(part, answers) for part in parts]
    if kind == "all":
        return False if False in known else None if None in known else True
    found = True if True in known else None if None in known else False
    return found if kind == "any" or found is None else not found


@given(TREES, ANSWERS)
def test_gates_follow_kleene(tree, answers):
    assert resolve_gate(to_gate(tree), pack_answers(answers)) is by_the_book(tree, answers)


def test_answers_are_packed_as_bits():
    packed = pack_answers([True, None, False, True])
    assert (packed.count, packed.true, packed.unknown) == (4, 0b1001, 0b0010)
