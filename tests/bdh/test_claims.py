"""The claim reader: packed claims are claims read one by one, silence says nothing, and what is saved comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from bdh.claims import ClaimBatch, ClaimReader, holds_claim_head, load_claim_reader, save_claim_reader
from bdh.errors import CheckpointError, StateError
from bdh.model import BDH
from bdh.state import BDHState
from bdh.tokenizer import ByteTokenizer
from bdh.training.comparison import make_batch

ModelMaker = Callable[..., BDH]
HEAD = "claim_head.safetensors"
SEPARATOR = [1]


@pytest.fixture(scope="session")
def make_reader(make_model: ModelMaker) -> Callable[..., ClaimReader]:
    """Return ``make(seed=0, **sizes)``: a reader in evaluation mode on a small model, with a head of 8 inner units."""

    def make(seed: int = 0, **sizes: Any) -> ClaimReader:
        model = make_model(seed, **sizes)
        torch.manual_seed(seed + 100)
        return ClaimReader(model, inner=8).eval()

    return make


def texts(*lengths: int, seed: int = 0) -> list[list[int]]:
    """Return texts of these lengths, of the tokens 2 to 47."""
    chance = torch.Generator().manual_seed(seed)
    return [torch.randint(2, 48, (length,), generator=chance).tolist() for length in lengths]


def pack(evidence: list[list[int]], claims: list[list[list[int]]], *, room: int | None = None) -> ClaimBatch:
    """Return a batch whose rows are just as long as its longest texts, or have ``room`` for evidence."""
    return make_batch(
        evidence,
        claims,
        separator=SEPARATOR,
        evidence_length=max(map(len, evidence)) if room is None else room,
        claims_per_row=max(map(len, claims)),
        claim_length=max(2 * len(claim) + 3 for row in claims for claim in row),
    )


@dataclass(frozen=True)
class Case:
    """Rows of evidence with claims, a damping, and how many tokens were read before."""

    evidence: list[list[int]]
    claims: list[list[list[int]]]
    decay: tuple[float, ...] | None
    before: int
    room: int


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw any sizes and lengths; after a state the evidence fills its rows."""
    rows, seed = draw(st.integers(1, 3)), draw(st.integers(0, 1000))
    before = draw(st.sampled_from([0, 0, 7]))
    longest = draw(st.integers(1, 12))
    lengths = [longest if before else draw(st.integers(0, longest)) for _ in range(rows)]
    claims = [draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)) for _ in range(rows)]
    decay = draw(st.sampled_from([None, (0.9, 0.5), (1.0, 0.99)]))
    room = longest if before else longest + draw(st.sampled_from([0, 0, 5]))
    told = [texts(*row, seed=seed + 1 + place) for place, row in enumerate(claims)]
    return Case(texts(*lengths, seed=seed), told, decay, before, room)


def read_one_by_one(model: BDH, case: Case, state: BDHState | None) -> list[list[Tensor]]:
    """Stream each row's evidence, fork the state, read each claim twice; return the hidden vectors of each claim."""
    found = []
    for row, (evidence, claims) in enumerate(zip(case.evidence, case.claims, strict=True)):
        own = None if state is None else BDHState(state.memory[:, row : row + 1], state.position)
        if evidence:
            _, own, _ = model.encode(torch.tensor([evidence]), own)
        hidden = []
        for claim in claims:
            twice = torch.tensor([[*SEPARATOR, *claim, *SEPARATOR, *claim, *SEPARATOR]])
            hidden.append(model.encode(twice, None if own is None else own.fork())[0][0])
        found.append(hidden)
    return found


@given(case=cases())
@settings(max_examples=40)
def test_packed_claims_are_claims_read_one_by_one(make_reader: Callable[..., ClaimReader], case: Case) -> None:
    reader = make_reader(decay=case.decay)
    with torch.no_grad():
        state = None
        if case.before:
            state = reader.model(torch.tensor(texts(*[case.before] * len(case.evidence), seed=9))).state
        output = reader(pack(case.evidence, case.claims, room=case.room), state)
        expected = read_one_by_one(reader.model, case, state)
    for row, claims in enumerate(expected):
        for place, hidden in enumerate(claims):
            assert torch.allclose(output.hidden[row, place, : len(hidden)], hidden, atol=2e-4)


def test_claims_of_one_row_do_not_see_each_other(make_reader: Callable[..., ClaimReader]) -> None:
    reader, evidence = make_reader(decay=(0.9, 0.99)), texts(9)
    first, second, other = texts(4, 5, 5, seed=1)
    with torch.no_grad():
        beside = [reader(pack(evidence, [[first, neighbour]])) for neighbour in (second, other)]
    assert torch.equal(beside[0].logits[0, 0], beside[1].logits[0, 0])
    assert torch.equal(beside[0].hidden[0, 0], beside[1].hidden[0, 0])
    assert not torch.allclose(beside[0].logits[0, 1], beside[1].logits[0, 1])


def test_rows_do_not_see_each_other(make_reader: Callable[..., ClaimReader]) -> None:
    reader, evidence, claims = make_reader(), texts(9, 5), [texts(4, seed=1), texts(4, seed=2)]
    with torch.no_grad():
        together, alone = reader(pack(evidence, claims)), reader(pack(evidence[1:], claims[1:]))
    assert torch.allclose(together.logits[1], alone.logits[0], atol=1e-5)


@pytest.mark.parametrize("decay", [None, (0.9, 0.99)])
def test_padding_before_the_evidence_changes_nothing(
    make_reader: Callable[..., ClaimReader], decay: tuple[float, ...] | None
) -> None:
    reader, evidence, claims = make_reader(decay=decay), texts(9), [texts(4, 6, seed=1)]
    with torch.no_grad():
        plain, padded = (reader(pack(evidence, claims, room=room)) for room in (9, 25))
    for name in ("logits", "evidence", "match", "wrong", "alone"):
        assert torch.allclose(getattr(plain, name), getattr(padded, name), atol=1e-4), name


def test_what_stands_in_the_padding_is_not_seen(make_reader: Callable[..., ClaimReader]) -> None:
    reader, batch = make_reader(), pack(texts(9), [texts(4, seed=1)], room=20)
    strange = replace(batch, evidence=torch.cat([torch.full((1, 11), 40), batch.evidence[:, 11:]], 1))
    with torch.no_grad():
        assert torch.allclose(reader(batch).logits, reader(strange).logits, atol=1e-6)


@pytest.mark.parametrize("room", [0, 12])
def test_without_evidence_the_matches_say_nothing(make_reader: Callable[..., ClaimReader], room: int) -> None:
    reader = make_reader()
    with torch.no_grad():
        output = reader(pack([[]], [texts(4, 6, seed=1)], room=room))
    assert torch.equal(output.evidence, torch.zeros(1, 2))
    assert torch.equal(output.match, output.expected)


def test_a_claim_that_is_not_there_has_no_weight(make_reader: Callable[..., ClaimReader]) -> None:
    batch = pack(texts(9, 9), [texts(4, 5, seed=1), texts(4, seed=2)])
    with torch.no_grad():
        output = make_reader()(batch)
    assert float(output.weight[1, 1].sum()) == 0.0 and float(output.evidence[1, 1]) == 0.0
    assert torch.allclose(output.weight[0].sum(-1), torch.ones(2))
    assert all(bool(torch.isfinite(tensor).all()) for tensor in vars(output).values())


def test_weights_lie_within_the_second_reading(make_reader: Callable[..., ClaimReader]) -> None:
    batch = pack(texts(9), [texts(4, 6, seed=1)])
    with torch.no_grad():
        weight = make_reader()(batch).weight[0]
    for place, length in enumerate((4, 6)):
        begin = int(batch.second[0, place])
        assert begin == length + 2
        assert set(weight[place].nonzero().flatten().tolist()) == set(range(begin, begin + length))


def test_evidence_after_a_state_must_fill_its_rows(make_reader: Callable[..., ClaimReader]) -> None:
    reader = make_reader()
    with pytest.raises(StateError, match="must fill its rows"):
        reader(pack(texts(9), [texts(4, seed=1)], room=12), reader.model.empty_state(1))


def test_state_of_another_batch_is_refused(make_reader: Callable[..., ClaimReader]) -> None:
    reader = make_reader()
    with pytest.raises(StateError):
        reader(pack(texts(9), [texts(4, seed=1)]), reader.model.empty_state(2))


def test_trace_has_a_share_for_each_evidence_token_and_neuron(make_reader: Callable[..., ClaimReader]) -> None:
    reader = make_reader()
    trace = reader.trace(pack(texts(9, 5), [texts(4, seed=1), texts(4, 5, seed=2)]), row=1, claim=1)
    assert trace.tokens.shape == (5,)
    assert trace.neurons.shape == (2, 2, reader.model.config.n_neurons)
    assert bool((trace.tokens != 0).any()) and bool((trace.neurons != 0).any())


def test_trace_changes_with_the_evidence(make_reader: Callable[..., ClaimReader]) -> None:
    reader, claims = make_reader(), [texts(4, seed=1)]
    one, other = (reader.trace(pack(texts(9, seed=seed), claims)) for seed in (0, 5))
    assert not torch.allclose(one.tokens, other.tokens) and not torch.allclose(one.neurons, other.neurons)


def test_trace_looks_at_no_padding_and_at_its_own_row_alone(make_reader: Callable[..., ClaimReader]) -> None:
    reader, evidence, claims = make_reader(), texts(9, 5), [texts(4, seed=1), texts(4, seed=2)]
    together = reader.trace(pack(evidence, claims), row=1)
    alone = reader.trace(pack(evidence[1:], claims[1:]))
    assert torch.allclose(together.tokens, alone.tokens, atol=1e-4)
    assert torch.allclose(together.neurons, alone.neurons, atol=1e-4)


def test_trace_leaves_no_gradients_and_works_without_a_tape(make_reader: Callable[..., ClaimReader]) -> None:
    reader = make_reader()
    with torch.no_grad():
        reader.trace(pack(texts(9), [texts(4, seed=1)]))
    assert all(weight.grad is None for weight in reader.parameters())


def test_dropout_is_that_of_model_and_head(make_reader: Callable[..., ClaimReader]) -> None:
    reader = make_reader(seed=3)
    reader.set_dropout(0.25)
    assert reader.model.config.dropout == reader.claim_head.dropout == 0.25


def test_saved_reader_comes_back_exactly(make_model: ModelMaker, tmp_path: Path) -> None:
    reader = ClaimReader(make_model(vocab_size=256), inner=8).eval()
    save_claim_reader(tmp_path / "reader", reader, ByteTokenizer())
    loaded, tokenizer = load_claim_reader(tmp_path / "reader")
    batch = pack(texts(9), [texts(4, 6, seed=1)])
    with torch.no_grad():
        assert torch.equal(loaded(batch).logits, reader(batch).logits)
        assert torch.equal(loaded(batch).alone, reader(batch).alone)
    assert not loaded.training and tokenizer.vocab_size == 256
    assert not list((tmp_path / "reader").glob("*.partial"))


def test_reader_saved_narrow_says_nearly_the_same(make_model: ModelMaker, tmp_path: Path) -> None:
    reader = ClaimReader(make_model(vocab_size=256), inner=8).eval()
    folder = save_claim_reader(tmp_path / "reader", reader, ByteTokenizer(), dtype=torch.bfloat16)
    batch = pack(texts(9), [texts(4, 6, seed=1)])
    with torch.no_grad():
        assert torch.allclose(load_claim_reader(folder)[0](batch).logits, reader(batch).logits, atol=0.1)


@pytest.fixture
def saved(make_model: ModelMaker, tmp_path: Path) -> Path:
    return save_claim_reader(tmp_path / "reader", ClaimReader(make_model(vocab_size=256), inner=8), ByteTokenizer())


def test_folder_says_whether_it_holds_a_claim_reader(saved: Path) -> None:
    assert holds_claim_head(saved)
    (saved / HEAD).unlink()
    assert not holds_claim_head(saved)


def _damage(path: Path, kind: str) -> None:
    head, other = ClaimReader(BDH(load_claim_reader(path.parent)[0].model.config), inner=8).claim_head, torch.zeros(3)
    weights = {name: weight.detach().clone() for name, weight in head.state_dict().items()}
    match kind:
        case "no head":
            path.unlink()
        case "a text":
            path.write_text("Call me Ishmael.")
        case "a cut head":
            path.write_bytes(path.read_bytes()[:-50])
        case "another file":
            save_file({"weight": other}, str(path))
        case "no inner layer":
            save_file({**weights, "enter.weight": other}, str(path))
        case "a missing weight":
            save_file({name: weight for name, weight in weights.items() if name != "alone.bias"}, str(path))
        case "another width":
            save_file({**weights, "pointer.bias": other}, str(path))
        case "numbers that are not finite":
            save_file({**weights, "alone.bias": torch.full((1,), torch.nan)}, str(path))


DAMAGE = (
    "no head",
    "a text",
    "a cut head",
    "another file",
    "no inner layer",
    "a missing weight",
    "another width",
    "numbers that are not finite",
)


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_head_is_refused(saved: Path, kind: str) -> None:
    _damage(saved / HEAD, kind)
    with pytest.raises(CheckpointError) as caught:
        load_claim_reader(saved)
    assert HEAD in str(caught.value) and "\n" not in str(caught.value)
