"""The exported graphs on ORT's CPU provider against the PyTorch model with its grids on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from export_models import TEXT, Graphs

from gmsa_training.model.gmsa_model import merge_groups

# A model folder, the suffix of a dtype, and how close it must come to PyTorch (relative to the largest value).
CASES = [("plain", "", 1e-5), ("quantized", "", 1e-5), ("quantized", "_q4", 1e-5), ("quantized", "_q4f16", 1e-2)]


@pytest.fixture(params=CASES, ids=["plain-fp32", "fp32", "q4", "q4f16"])
def case(request):
    folder, suffix, tolerance = request.param
    exported = request.getfixturevalue(folder)
    return exported, Graphs(exported.folder, suffix), tolerance


def ids_of(exported, text: str) -> list[int]:
    return exported.tokenizer(text, add_special_tokens=False)["input_ids"]


def assert_close(actual: np.ndarray, expected: torch.Tensor, tolerance: float) -> None:
    expected = expected.detach().numpy()
    assert actual.shape == expected.shape
    assert np.abs(actual.astype(np.float32) - expected).max() <= tolerance * np.abs(expected).max()


@torch.no_grad()
def test_each_graph_gives_what_its_module_gives(case):
    exported, graphs, tolerance = case
    model = exported.model
    ids = [ids_of(exported, TEXT[0])]
    embeds = model.embed_tokens(torch.tensor(ids))
    assert_close(graphs.embed(ids), embeds, tolerance)
    hidden = model.encoder(embeds)
    assert_close(graphs.stack("encoder_model", embeds.numpy()), hidden, tolerance)
    assert_close(graphs.stack("lsa", hidden.numpy()), model.lsa(hidden), tolerance)
    logits, cache = graphs.decode(embeds.numpy())
    assert logits.dtype == np.float32
    assert_close(logits, model.logits(model.decoder(embeds)[:, -1:]), tolerance)
    assert {value.shape for value in cache.values()} == {(1, 1, len(ids[0]), 32)}


@torch.no_grad()
def test_logits_can_be_had_of_every_position_of_a_run(case):
    exported, graphs, tolerance = case
    embeds = graphs.embed([ids_of(exported, TEXT[0])])
    expected = exported.model.logits(exported.model.decoder(torch.from_numpy(embeds.astype(np.float32))))
    past = graphs.decode(embeds[:, :5])[1]
    assert_close(graphs.decode(embeds[:, 5:], past, logits_from=0)[0], expected[:, 5:], tolerance)
    assert_close(graphs.decode(embeds[:, 5:], past, logits_from=-3)[0], expected[:, -3:], tolerance)


@torch.no_grad()
def test_the_whole_way_gives_the_same_greedy_tokens(case):
    exported, graphs, _ = case
    model = exported.model
    segment, question = ids_of(exported, TEXT[0]), ids_of(exported, TEXT[1])
    rate, count = 4, 24
    soft_length = -(-len(segment) // rate)
    groups = torch.arange(len(segment)).unsqueeze(0) // rate

    hidden = torch.from_numpy(graphs.stack("encoder_model", graphs.embed([segment])))
    merged = merge_groups(hidden, groups, soft_length).unsqueeze(0).numpy()
    soft = graphs.stack("lsa", merged)
    context = np.concatenate([graphs.embed([[1]]), soft, graphs.embed([question])], axis=1)
    actual = graphs.greedy(context, count)

    soft = model.compress(torch.tensor([segment]), groups, soft_length)
    embeds = torch.cat([model.embed_tokens(torch.tensor([[1]])), soft, model.embed_tokens(torch.tensor([question]))], 1)
    expected = []
    for _ in range(count):
        expected.append(int(model.logits(model.decoder(embeds)[:, -1]).argmax()))
        embeds = torch.cat([embeds, model.embed_tokens(torch.tensor([expected[-1:]]))], 1)
    assert len(set(expected)) > 4  # a model that repeats itself would prove little
    assert actual == expected


def test_a_prefill_in_chunks_gives_what_one_run_gives(case):
    exported, graphs, tolerance = case
    embeds = graphs.embed([ids_of(exported, TEXT[2])])
    whole, whole_cache = graphs.decode(embeds)
    past = None
    for chunk in np.split(embeds, [5, 6, 19], axis=1):
        logits, past = graphs.decode(chunk, past)
    largest = np.abs(whole).max()
    assert np.abs(logits - whole).max() <= tolerance * largest
    for name, value in whole_cache.items():
        assert np.abs(past[name].astype(np.float32) - value).max() <= tolerance * np.abs(value).max()


def test_a_past_can_be_continued_twice(case):
    exported, graphs, _ = case
    context, first, second = (graphs.embed([ids_of(exported, text)]) for text in TEXT)
    _, past = graphs.decode(context)
    before = graphs.decode(first, past)[0]
    graphs.decode(second, past)
    assert np.array_equal(graphs.decode(first, past)[0], before)


@pytest.mark.parametrize("name", ["encoder_model", "lsa"])
def test_a_row_padded_on_the_right_gives_what_it_gives_alone(case, name):
    exported, graphs, tolerance = case
    rows = [ids_of(exported, text) for text in TEXT]
    longest = max(map(len, rows))
    ids = [row + [0] * (longest - len(row)) for row in rows]
    mask = np.array([[1] * len(row) + [0] * (longest - len(row)) for row in rows], np.int64)
    together = graphs.stack(name, graphs.embed(ids), mask)
    for row, output in zip(rows, together, strict=True):
        alone = graphs.stack(name, graphs.embed([row]))[0]
        assert np.abs(output[: len(row)].astype(np.float32) - alone).max() <= tolerance * np.abs(alone).max()
