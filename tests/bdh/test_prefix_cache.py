"""States are found by the tokens before them, longest first; damaged, old and foreign ones are not."""

import os
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import bdh
from bdh.errors import StateError
from bdh.prefix_cache import PrefixCache, pack, prefix_hashes, unpack
from bdh.shapes import Tensor

TOKENS = list(range(40))


def state(value: float = 1.0) -> dict[str, Tensor]:
    return {"memory": torch.full((2, 3), value), "position": torch.tensor(7)}


@pytest.fixture
def cache(tmp_path: Path) -> PrefixCache:
    return PrefixCache(tmp_path / "prefixes", owner="weights")


def value_of(prefix: bdh.Prefix | None) -> float:
    assert prefix is not None
    return float(prefix.load()["memory"][0, 0])


def test_longest_prefix_is_found(cache: PrefixCache) -> None:
    for length in (4, 20, 12):
        cache.store(TOKENS[:length], state(length), about={"novel": "n"})
    assert [prefix.length for prefix in cache.matches(TOKENS)] == [20, 12, 4]
    assert value_of(cache.find(TOKENS[:19])) == 12
    assert value_of(cache.find(TOKENS[:12])) == 12
    changed = [*TOKENS[:11], 99, *TOKENS[12:]]
    assert value_of(cache.find(changed)) == 4
    assert cache.find([99, *TOKENS]) is None and cache.find([]) is None
    assert [entry.about for entry in cache.entries()] == [{"novel": "n"}] * 3


@given(tokens=st.lists(st.integers(0, 3), max_size=12), other=st.lists(st.integers(0, 3), max_size=12))
def test_hashes_are_equal_where_the_tokens_are(tokens: list[int], other: list[int]) -> None:
    one, two = (prefix_hashes(each, range(len(each) + 1)) for each in (tokens, other))
    for length in range(min(len(tokens), len(other)) + 1):
        assert (one[length] == two[length]) == (tokens[:length] == other[:length])


def test_state_comes_back_to_the_last_bit(cache: PrefixCache) -> None:
    wide = {"memory": torch.randn(2, 1, 2, 8, 4), "half": torch.randn(5).bfloat16(), "position": torch.tensor(3)}
    cache.store(TOKENS, wide)
    found = cache.find(TOKENS)
    assert found is not None
    loaded = found.load()
    assert loaded.keys() == wide.keys() and all(torch.equal(loaded[name], wide[name]) for name in wide)


def test_equal_states_are_equal_files(tmp_path: Path) -> None:
    files = []
    for folder in ("one", "other"):
        PrefixCache(tmp_path / folder, owner="w").store(TOKENS, state(), about={"b": "1", "a": "2"})
        files.append([(path.name, path.read_bytes()) for path in (tmp_path / folder).iterdir()])
    assert files[0] == files[1]


def test_states_of_another_owner_are_not_found(cache: PrefixCache) -> None:
    cache.store(TOKENS, state())
    other = PrefixCache(cache.folder, owner="other weights")
    assert other.find(TOKENS) is None and len(other.entries()) == 1


def test_damaged_state_is_an_error_and_one_of_another_kind_is_left_out(cache: PrefixCache) -> None:
    cache.store(TOKENS[:5], state())
    cache.store(TOKENS[:9], state())
    short, long = sorted(cache.folder.iterdir(), key=lambda path: int(path.name.split("-")[1]))
    long.write_bytes(b"no safetensors")
    short.write_bytes(short.read_bytes()[:-1] + b"\x01")
    (prefix,) = cache.matches(TOKENS)
    assert prefix.path == short and len(cache.entries()) == 1
    with pytest.raises(StateError, match="damaged; read the text again"):
        prefix.load()
    short.unlink()
    with pytest.raises(StateError, match="read the text again"):
        prefix.load()


def test_states_beyond_the_size_go_the_longest_unused_first(tmp_path: Path) -> None:
    one = PrefixCache(tmp_path, owner="w")
    one.store(TOKENS[:1], state())
    (size,) = (path.stat().st_size for path in tmp_path.iterdir())
    cache = PrefixCache(tmp_path, owner="w", most_bytes=3 * size)
    for length in (2, 3):
        cache.store(TOKENS[:length], state())
    for age, prefix in enumerate(sorted(cache.entries(), key=lambda entry: -entry.length), start=1):
        os.utime(prefix.path, (time.time() - 100 * age,) * 2)
    found = next(prefix for prefix in cache.matches(TOKENS) if prefix.length == 1)
    found.load()  # used just now
    cache.store(TOKENS[:4], state())
    assert sorted(prefix.length for prefix in cache.entries()) == [1, 3, 4]


def test_states_that_were_not_used_for_long_are_removed(tmp_path: Path) -> None:
    cache = PrefixCache(tmp_path, owner="w", most_days=2)
    cache.store(TOKENS[:1], state())
    (path,) = tmp_path.iterdir()
    os.utime(path, (time.time() - 3 * 24 * 3600,) * 2)
    cache.store(TOKENS[:2], state())
    assert [prefix.length for prefix in cache.entries()] == [2]


def test_clear_removes_states_and_what_a_killed_process_left(cache: PrefixCache) -> None:
    assert cache.clear() == 0
    cache.store(TOKENS, state())
    (path,) = cache.folder.iterdir()
    path.with_name(path.name + ".123.partial").write_bytes(b"half")
    assert cache.clear() == 1 and list(cache.folder.iterdir()) == []


def test_folder_that_takes_no_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StateError, match="give a writable folder"):
        PrefixCache(tmp_path / "file", owner="w").store(TOKENS, state())


@settings(deadline=None)
@given(seed=st.integers(0, 1000), spread=st.floats(1e-20, 1e20))
def test_packed_memory_is_a_quarter_and_near(seed: int, spread: float) -> None:
    memory = torch.randn(2, 1, 3, 4, 16, generator=torch.Generator().manual_seed(seed)) * spread
    memory[0, 0, 0, 0] = 0
    packed = pack({"memory": memory, "logits": memory[0, 0, 0, 0]})
    again = unpack(packed)
    assert packed["memory"].dtype == torch.int8 and torch.equal(again["logits"], memory[0, 0, 0, 0])
    largest = memory.abs().amax(-1, keepdim=True)
    assert ((again["memory"] - memory).abs() <= largest / 250).all()


def test_prompt_goes_on_from_the_state_of_another(tmp_path: Path) -> None:
    """The recipe of the documentation: the same logits as without a cache."""
    torch.manual_seed(3)
    model = bdh.BDH(bdh.BDHConfig(n_layer=2, n_embd=16, n_head=2, mlp_internal_dim_multiplier=4, vocab_size=64)).eval()
    cache = bdh.PrefixCache(tmp_path, owner="tiny")
    with torch.inference_mode():
        after = model(torch.tensor([TOKENS[:30]]), keep_state=True).state
        assert after is not None
        cache.store(TOKENS[:30], after.tensors())
        found = cache.find(TOKENS)
        assert found is not None
        start = bdh.BDHState.from_tensors(found.load(), found.length)
        rest = model(torch.tensor([TOKENS[found.length :]]), state=start).logits
        whole = model(torch.tensor([TOKENS])).logits[:, 30:]
    assert found.length == 30 and torch.allclose(rest, whole, atol=1e-4)
