"""How well a signal foretells which segments should get the lower rate."""

from __future__ import annotations

import json

import pytest
import torch
from export_models import tiny_model, tiny_tokenizer
from tiny_checkpoint import write_checkpoint, write_data

from gmsa_training.data.qa_data import Document
from gmsa_training.evaluation.budget import Rates
from gmsa_training.evaluation.inference import Gmsa, InferenceError
from gmsa_training.evaluation.mixed_rates import main, pair_scores, text_losses, texts_of
from gmsa_training.evaluation.restoration_loss import restoration_losses
from gmsa_training.evaluation.torch_runtime import TorchRuntime

LOSSES = {8: [2.0, 1.0, 0.5, 0.5], 4: [1.9, 0.2, 0.5, 0.5]}


def test_a_text_loses_most_at_the_higher_rate_and_least_in_the_best_way():
    found = text_losses([64] * 4, LOSSES, Rates(8, 4))
    assert (found["coarse"], found["fine"]) == (pytest.approx(1.0), pytest.approx(3.1 / 4))
    # Two of four get the lower rate. The signal and the best way take the first two alike; by chance either is one of two.
    assert found["signal"] == found["best"] == pytest.approx(3.1 / 4) and found["changed"] == 0
    assert found["chance"] == pytest.approx(1 - 0.9 / 8, abs=0.02)


def test_a_signal_that_misleads_is_worse_than_chance():
    found = text_losses([64] * 4, {8: [2.0, 1.9, 1.0, 1.0], 4: [2.0, 1.9, 0.0, 0.0]}, Rates(8, 4))
    assert found["best"] < found["chance"] < found["signal"] == found["coarse"]
    assert found["changed"] == 1


def test_scores_are_means_over_texts_and_say_how_much_of_the_possible_gain_is_had():
    def record(name: str, losses: dict[int, list[float]]) -> dict:
        segments = [{"tokens": 64, "losses": {"8": a, "4": b}} for a, b in zip(losses[8], losses[4])]
        return {"id": name, "documents": 1, "segments": segments}

    scores = pair_scores([record("a", LOSSES), record("b", LOSSES)], Rates(8, 4))
    assert scores["gained"]["value"] == pytest.approx(1)
    assert scores["losses"]["coarse"] == {"value": 1, "low": 1, "high": 1}
    assert scores["signal_gain"]["value"] == pytest.approx(
        scores["losses"]["chance"]["value"] - scores["losses"]["signal"]["value"]
    )
    equal = {8: [1.0] * 4, 4: [0.5] * 4}
    assert pair_scores([record("a", equal)], Rates(8, 4))["gained"] is None


@pytest.fixture(scope="module")
def gmsa():
    tokenizer = tiny_tokenizer()
    return Gmsa(TorchRuntime(tiny_model(tokenizer, quantized=True), tokenizer), 3)


def test_the_restoration_loss_is_that_of_the_tokens_of_a_segment_one_by_one(gmsa):
    segments = [[5, 9, 30, 7, 8, 44, 12], [61, 60], list(range(20, 60)), [3]]
    found = restoration_losses(gmsa, segments, 4)
    model = gmsa.runtime.model
    for ids, loss in zip(segments, found):
        (soft,) = gmsa.compress([ids], 4)
        one = gmsa.restore_input(soft, len(ids))
        embeds, _ = gmsa.runtime._sequences([one])
        inputs = torch.cat([embeds, model.embed_tokens(torch.tensor([ids]))], 1)
        logits = model.logits(model.decoder(inputs))[0]
        expected = torch.nn.functional.cross_entropy(logits[len(one) - 1 : -1], torch.tensor(ids))
        assert loss == pytest.approx(expected.item(), rel=1e-4)
    with pytest.raises(InferenceError, match="not trained for rate 3"):
        restoration_losses(gmsa, segments, 3)


def test_texts_are_the_beginnings_of_long_documents_and_short_documents_together(gmsa):
    sentence = "The red house stands by the river. "
    documents = [Document(f"Document {i}. " + sentence * (40 if i % 3 == 0 else 6), "") for i in range(9)]
    texts = list(texts_of(gmsa, documents, 4))
    assert all(len(text.segments) == 4 for text in texts)
    assert sum(text.documents == 1 for text in texts) == 3 and any(text.documents > 1 for text in texts)
    assert list(texts_of(gmsa, documents, 4)) == texts != list(texts_of(gmsa, documents, 4, seed=1))
    assert list(texts_of(gmsa, [Document("", ""), Document("Short.", "")], 4)) == []


def test_the_command_measures_neighbouring_rates_and_goes_on_when_started_again(tmp_path, capsys):
    packed, _ = write_checkpoint(tmp_path)
    prose, out = write_data(tmp_path / "data") / "prose.heldout.jsonl.gz", tmp_path / "mixed.json"
    arguments = ["--checkpoint", packed, "--prose", prose, "--rates", 2, 8, 4, "--segments", 3, "--json", out]
    arguments = [str(one) for one in arguments]
    assert main([*arguments, "--seconds", "1e-9"]) == 0
    first = json.loads(out.read_text())
    assert first["scores"]["n"] == 1 < first["scores"]["of"]
    assert main(arguments) == 0
    report = json.loads(out.read_text())
    assert report["records"][0] == first["records"][0] and report["scores"]["n"] == report["scores"]["of"]
    assert [(pair["coarse_rate"], pair["fine_rate"]) for pair in report["scores"]["pairs"]] == [(8, 4), (4, 2)]
    for pair in report["scores"]["pairs"]:
        assert pair["losses"]["best"]["value"] <= min(pair["losses"][way]["value"] for way in ("signal", "chance", "coarse"))
    assert report["settings"]["kind"] == "mixed_rates" and not out.with_name("mixed.json.partial").exists()
    assert "a budget half way between" in capsys.readouterr().out
    assert main([*arguments[:5], "8", "3", "--segments", "3"]) == 1
    assert "not trained for rate 3" in capsys.readouterr().err
    for wrong in (["--rates", "8"], ["--rates", "8", "8"], ["--segments", "1"], ["--seconds", "-1"]):
        with pytest.raises(SystemExit):
            main([*arguments[:4], *wrong])
    with pytest.raises(SystemExit):
        main(["--base", "x", *arguments[2:]])
