"""The verifier: claims in one batch equal claims read one by one, no evidence has no effect, files come back."""

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

from bdh.errors import CheckpointError, StateError
from bdh.model import BDH
from bdh.state import BDHState
from bdh.tokenizer import ByteTokenizer
from bdh.training.verifier_batches import make_batch
from bdh.verifier import ClaimBatch, ClaimVerifier, has_claim_head, load_claim_verifier, save_claim_verifier

ModelMaker = Callable[..., BDH]
HEAD = "claim_head.safetensors"
SEPARATOR = [1]


@pytest.fixture(scope="session")
def make_verifier(make_model: ModelMaker) -> Callable[..., ClaimVerifier]:
    """Return ``make(seed=0, **sizes)``: a verifier in evaluation mode on a small model."""

    def make(seed: int = 0, **sizes: Any) -> ClaimVerifier:
        model = make_model(seed, **sizes)
        torch.manual_seed(seed + 100)
        return ClaimVerifier(model, inner=8).eval()

    return make


def texts(*lengths: int, seed: int = 0) -> list[list[int]]:
    """Return texts of these lengths, of the tokens 2 to 47."""
    chance = torch.Generator().manual_seed(seed)
    return [torch.randint(2, 48, (length,), generator=chance).tolist() for length in lengths]


def pack(evidence: list[list[int]], claims: list[list[list[int]]], *, room: int | None = None) -> ClaimBatch:
    """Return a batch with rows as long as its longest texts, or with ``room`` tokens for evidence."""
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
    """Rows of evidence with claims, a damping, and the number of tokens read before the evidence."""

    evidence: list[list[int]]
    claims: list[list[list[int]]]
    decay: tuple[float, ...] | None
    before: int
    room: int


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw any sizes and lengths; after a state the evidence has no padding."""
    rows, seed = draw(st.integers(1, 3)), draw(st.integers(0, 1000))
    before = draw(st.sampled_from([0, 0, 7]))
    longest = draw(st.integers(1, 12))
    lengths = [longest if before else draw(st.integers(0, longest)) for _ in range(rows)]
    claims = [draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)) for _ in range(rows)]
    decay = draw(st.sampled_from([None, (0.9, 0.5), (1.0, 0.99)]))
    room = longest if before else longest + draw(st.sampled_from([0, 0, 5]))
    claim_texts = [texts(*row, seed=seed + 1 + place) for place, row in enumerate(claims)]
    return Case(texts(*lengths, seed=seed), claim_texts, decay, before, room)


def read_one_by_one(model: BDH, case: Case, state: BDHState | None) -> list[list[Tensor]]:
    """Encode each row's evidence, fork the state, read each claim twice; return the hidden vectors of each claim."""
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
def test_claims_in_a_batch_equal_claims_read_one_by_one(
    make_verifier: Callable[..., ClaimVerifier], case: Case
) -> None:
    verifier = make_verifier(decay=case.decay)
    with torch.no_grad():
        state = None
        if case.before:
            state = verifier.model(torch.tensor(texts(*[case.before] * len(case.evidence), seed=9))).state
        output = verifier(pack(case.evidence, case.claims, room=case.room), state)
        expected = read_one_by_one(verifier.model, case, state)
    for row, claims in enumerate(expected):
        for place, hidden in enumerate(claims):
            assert torch.allclose(output.hidden[row, place, : len(hidden)], hidden, atol=2e-4)


def test_claims_of_one_row_do_not_see_each_other(make_verifier: Callable[..., ClaimVerifier]) -> None:
    verifier, evidence = make_verifier(decay=(0.9, 0.99)), texts(9)
    first, second, other = texts(4, 5, 5, seed=1)
    with torch.no_grad():
        beside = [verifier(pack(evidence, [[first, neighbour]])) for neighbour in (second, other)]
    assert torch.equal(beside[0].logits[0, 0], beside[1].logits[0, 0])
    assert torch.equal(beside[0].hidden[0, 0], beside[1].hidden[0, 0])
    assert not torch.allclose(beside[0].logits[0, 1], beside[1].logits[0, 1])


def test_rows_do_not_see_each_other(make_verifier: Callable[..., ClaimVerifier]) -> None:
    verifier, evidence, claims = make_verifier(), texts(9, 5), [texts(4, seed=1), texts(4, seed=2)]
    with torch.no_grad():
        together, alone = verifier(pack(evidence, claims)), verifier(pack(evidence[1:], claims[1:]))
    assert torch.allclose(together.logits[1], alone.logits[0], atol=1e-5)


@pytest.mark.parametrize("decay", [None, (0.9, 0.99)])
def test_padding_of_evidence_changes_nothing(
    make_verifier: Callable[..., ClaimVerifier], decay: tuple[float, ...] | None
) -> None:
    verifier, evidence, claims = make_verifier(decay=decay), texts(9), [texts(4, 6, seed=1)]
    with torch.no_grad():
        plain, padded = (verifier(pack(evidence, claims, room=room)) for room in (9, 25))
    for name in ("logits", "evidence", "match", "wrong", "claim_only"):
        assert torch.allclose(getattr(plain, name), getattr(padded, name), atol=1e-4), name


def test_tokens_in_the_padding_are_not_seen(make_verifier: Callable[..., ClaimVerifier]) -> None:
    verifier, batch = make_verifier(), pack(texts(9), [texts(4, seed=1)], room=20)
    strange = replace(batch, evidence=torch.cat([torch.full((1, 11), 40), batch.evidence[:, 11:]], 1))
    with torch.no_grad():
        assert torch.allclose(verifier(batch).logits, verifier(strange).logits, atol=1e-6)


@pytest.mark.parametrize("room", [0, 12])
def test_without_evidence_matches_are_as_expected(make_verifier: Callable[..., ClaimVerifier], room: int) -> None:
    verifier = make_verifier()
    with torch.no_grad():
        output = verifier(pack([[]], [texts(4, 6, seed=1)], room=room))
    assert torch.equal(output.evidence, torch.zeros(1, 2))
    assert torch.equal(output.match, output.expected)


def test_missing_claim_has_no_weight(make_verifier: Callable[..., ClaimVerifier]) -> None:
    batch = pack(texts(9, 9), [texts(4, 5, seed=1), texts(4, seed=2)])
    with torch.no_grad():
        output = make_verifier()(batch)
    assert float(output.weight[1, 1].sum()) == 0.0 and float(output.evidence[1, 1]) == 0.0
    assert torch.allclose(output.weight[0].sum(-1), torch.ones(2))
    assert all(bool(torch.isfinite(tensor).all()) for tensor in vars(output).values())


def test_weights_lie_within_the_second_reading(make_verifier: Callable[..., ClaimVerifier]) -> None:
    batch = pack(texts(9), [texts(4, 6, seed=1)])
    with torch.no_grad():
        weight = make_verifier()(batch).weight[0]
    for place, length in enumerate((4, 6)):
        begin = int(batch.second[0, place])
        assert begin == length + 2
        assert set(weight[place].nonzero().flatten().tolist()) == set(range(begin, begin + length))


def test_evidence_after_a_state_must_have_no_padding(make_verifier: Callable[..., ClaimVerifier]) -> None:
    verifier = make_verifier()
    with pytest.raises(StateError, match="must have no padding"):
        verifier(pack(texts(9), [texts(4, seed=1)], room=12), verifier.model.empty_state(1))


def test_state_of_another_batch_is_refused(make_verifier: Callable[..., ClaimVerifier]) -> None:
    verifier = make_verifier()
    with pytest.raises(StateError):
        verifier(pack(texts(9), [texts(4, seed=1)]), verifier.model.empty_state(2))


def test_trace_has_a_share_for_each_evidence_token_and_neuron(make_verifier: Callable[..., ClaimVerifier]) -> None:
    verifier = make_verifier()
    trace = verifier.trace(pack(texts(9, 5), [texts(4, seed=1), texts(4, 5, seed=2)]), row=1, claim=1)
    assert trace.tokens.shape == (5,)
    assert trace.neurons.shape == (2, 2, verifier.model.config.n_neurons)
    assert bool((trace.tokens != 0).any()) and bool((trace.neurons != 0).any())


def test_trace_changes_with_the_evidence(make_verifier: Callable[..., ClaimVerifier]) -> None:
    verifier, claims = make_verifier(), [texts(4, seed=1)]
    one, other = (verifier.trace(pack(texts(9, seed=seed), claims)) for seed in (0, 5))
    assert not torch.allclose(one.tokens, other.tokens) and not torch.allclose(one.neurons, other.neurons)


def test_trace_ignores_padding_and_other_rows(make_verifier: Callable[..., ClaimVerifier]) -> None:
    verifier, evidence, claims = make_verifier(), texts(9, 5), [texts(4, seed=1), texts(4, seed=2)]
    together = verifier.trace(pack(evidence, claims), row=1)
    alone = verifier.trace(pack(evidence[1:], claims[1:]))
    assert torch.allclose(together.tokens, alone.tokens, atol=1e-4)
    assert torch.allclose(together.neurons, alone.neurons, atol=1e-4)


def test_trace_leaves_no_gradients_and_works_under_no_grad(make_verifier: Callable[..., ClaimVerifier]) -> None:
    verifier = make_verifier()
    with torch.no_grad():
        verifier.trace(pack(texts(9), [texts(4, seed=1)]))
    assert all(weight.grad is None for weight in verifier.parameters())


def test_dropout_is_that_of_model_and_head(make_verifier: Callable[..., ClaimVerifier]) -> None:
    verifier = make_verifier(seed=3)
    verifier.set_dropout(0.25)
    assert verifier.model.config.dropout == verifier.claim_head.dropout == 0.25


def test_saved_verifier_loads_exactly(make_model: ModelMaker, tmp_path: Path) -> None:
    verifier = ClaimVerifier(make_model(vocab_size=256), inner=8).eval()
    save_claim_verifier(tmp_path / "verifier", verifier, ByteTokenizer())
    loaded, tokenizer = load_claim_verifier(tmp_path / "verifier")
    batch = pack(texts(9), [texts(4, 6, seed=1)])
    with torch.no_grad():
        assert torch.equal(loaded(batch).logits, verifier(batch).logits)
        assert torch.equal(loaded(batch).claim_only, verifier(batch).claim_only)
    assert not loaded.training and tokenizer.vocab_size == 256
    assert not list((tmp_path / "verifier").glob("*.partial"))


def test_verifier_saved_in_bfloat16_has_nearly_the_same_output(make_model: ModelMaker, tmp_path: Path) -> None:
    verifier = ClaimVerifier(make_model(vocab_size=256), inner=8).eval()
    folder = save_claim_verifier(tmp_path / "verifier", verifier, ByteTokenizer(), dtype=torch.bfloat16)
    batch = pack(texts(9), [texts(4, 6, seed=1)])
    with torch.no_grad():
        assert torch.allclose(load_claim_verifier(folder)[0](batch).logits, verifier(batch).logits, atol=0.1)


@pytest.fixture
def saved(make_model: ModelMaker, tmp_path: Path) -> Path:
    return save_claim_verifier(
        tmp_path / "verifier", ClaimVerifier(make_model(vocab_size=256), inner=8), ByteTokenizer()
    )


def test_claim_head_of_a_folder_is_found(saved: Path) -> None:
    assert has_claim_head(saved)
    (saved / HEAD).unlink()
    assert not has_claim_head(saved)


def _damage(path: Path, kind: str) -> None:
    head, other = load_claim_verifier(path.parent)[0].claim_head, torch.zeros(3)
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
        load_claim_verifier(saved)
    assert HEAD in str(caught.value) and "\n" not in str(caught.value)
