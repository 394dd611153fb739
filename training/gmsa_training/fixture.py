"""Trains and exports the test fixture, a GMSA model of under 2 MB that restores and answers texts of a toy language
(`fixture_data.py`): `python -m gmsa_training.fixture --out ../models/fixture`. Takes about ten minutes on one CPU core.

Nothing is written unless the exported graphs restore and answer every listed example exactly, each greedy token
with a clear margin, so that another backend's rounding gives the same tokens."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from gmsa_training.checkpoint import apply_packed_state, load_packed_state
from gmsa_training.config import DataConfig, ModelConfig, QuantizationConfig, Stage, TrainConfig
from gmsa_training.export import export_model
from gmsa_training.export.model_folder import write_json, write_manifest
from gmsa_training.fixture_data import ToyText, draw_text, draw_word_salad
from gmsa_training.inference import Gmsa
from gmsa_training.model import GmsaModel
from gmsa_training.onnx_runtime import OnnxRuntime
from gmsa_training.segments import cut_segments
from gmsa_training.train import Trainer

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]  # ids 0, 1, 2, as in SmolLM2
WINDOW = 1024
_TRAINING_SEED = 1
_EXAMPLE_SEED = 2
LEAST_MARGIN = 0.5  # between the two largest logits of every step
LEAST_SHARE = 0.95  # of questions about unseen texts
_CARD = """# fixture

A tiny GMSA model (hidden size 64, one encoder, one LSA and two decoder layers, f32) for tests, trained from random
weights by `python -m gmsa_training.fixture`. It compresses, restores and answers texts of a toy language alone, such as
"The red fox lives in Oslo. The baker sells green boats.". `examples.json` holds texts that were not trained on and
that its graphs answer and restore exactly, at the rate given there, with a gap of at least 0.5 between the two largest
logits at every greedy step.
"""


class FixtureError(RuntimeError):
    """The trained model is not good enough to test with."""


def fixture_model_config() -> ModelConfig:
    """One encoder layer, short segments, no grids."""
    return ModelConfig(
        encoder_layers=1,
        lsa_layers=1,
        rates=[2, 4, 8],
        default_rate=4,
        segment_length=64,
        window=WINDOW,
        refusal="",
        quantization=QuantizationConfig(linear=False, embedding=False),
    )


def train_tokenizer(texts: list[str], vocabulary: int = 512) -> PreTrainedTokenizerFast:
    """Byte-level BPE that splits like SmolLM's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=SPECIAL[1],
        eos_token=SPECIAL[2],
        unk_token=SPECIAL[0],
        pad_token=SPECIAL[2],
        clean_up_tokenization_spaces=False,
        model_max_length=WINDOW,
    )


def random_base(vocabulary: int) -> LlamaForCausalLM:
    """A tiny Llama with random weights; grouped-query attention as in SmolLM2."""
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=64,
            intermediate_size=192,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=32,
            max_position_embeddings=WINDOW,
            rms_norm_eps=1e-5,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=2,
            initializer_range=0.0625,
            tie_word_embeddings=True,
        )
    )
    # Larger than what the layers add at first, so that tokens are told apart from the beginning.
    torch.nn.init.normal_(model.model.embed_tokens.weight, std=0.2)
    return model


def _write_lines(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def prepare(folder: Path, config: ModelConfig, texts: int) -> PreTrainedTokenizerFast:
    """Writes a random base model with its tokenizer (`base/`) and the training texts (.jsonl) into `folder`."""
    draw = random.Random(_TRAINING_SEED)
    drawn = [draw_text(draw, draw.choice([1, 2, 3, 4, 5, 6, 8, 10, 12])) for _ in range(texts)]
    questions = [
        config.question_template.replace("{question}", fact.question) + " " + fact.answer
        for toy in drawn[:500]
        for fact in toy.facts
    ]
    tokenizer = train_tokenizer([toy.text for toy in drawn[:500]] + questions + 100 * [config.restore_instruction])
    torch.manual_seed(_TRAINING_SEED)
    random_base(len(tokenizer)).save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")

    def encode(batch: list[str]) -> list[list[int]]:
        return [found.ids for found in tokenizer.backend_tokenizer.encode_batch(batch, add_special_tokens=False)]

    # What is restored is a segment, so the windows of autoencoding are whole segments.
    segments = [segment.text for toy in drawn for segment in cut_segments(toy.text, encode, config.segment_length)]
    # Documents are drawn by their length; short ones come several times, to be drawn as often.
    _write_lines(folder / "toy.jsonl", [{"text": text} for text in segments for _ in range(max(1, 250 // len(text)))])
    _write_lines(folder / "salad.jsonl", [{"text": draw_word_salad(draw, draw.choice([8, 16, 24]))} for _ in segments])
    _write_lines(
        folder / "toy-questions.jsonl",
        [
            {"text": toy.text, "qas": [{"question": fact.question, "answers": [fact.answer]} for fact in toy.facts]}
            for toy in drawn
        ],
    )
    return tokenizer


def _run(work: Path, name: str, data: DataConfig, stage: Stage, start: Path | None) -> Trainer:
    """Trains one stage, from the packed weights in `start` or the random base."""
    config = TrainConfig(
        name=name,
        base=str(work / "base"),
        model=fixture_model_config(),
        data=data,
        stages=[stage],
        dtype="float32",
        ema_decay=0.99,
        log_every=50,
        save_every_seconds=1e9,
    )
    trainer = Trainer(config, work, work / name)
    if start is not None:
        apply_packed_state(trainer.model, load_packed_state(start))
    trainer.run()
    return trainer


def train_fixture(
    work: Path, texts: int = 12000, copying_steps: int = 600, language_steps: int = 2600
) -> tuple[GmsaModel, PreTrainedTokenizerFast]:
    """Copying first, then the toy language. work: an empty folder for base, data, metrics and weights. Gives the
    averaged model."""
    tokenizer = prepare(work, fixture_model_config(), texts)
    everything = ["encoder", "lsa", "decoder", "embedding"]
    copying = Stage(
        name="copying",
        trainable=everything,
        objectives={"autoencoding": 1.0},
        rates={1: 0.2, 2: 0.4, 4: 0.4},
        lengths={64: 1.0},
        steps=copying_steps,
        decoder_tokens=3072,
        learning_rate=2e-3,
        warmup_steps=50,
    )
    language = Stage(
        name="language",
        trainable=everything,
        objectives={"autoencoding": 0.5, "qa": 0.5},
        rates={2: 0.35, 4: 0.5, 8: 0.15},
        lengths={8: 0.02, 16: 0.08, 64: 0.9},
        steps=language_steps,
        decoder_tokens=4096,
        learning_rate=2e-3,
        final_learning_rate=2e-5,
        warmup_steps=50,
        decay=0.6,
    )
    _run(work, "copying", DataConfig(prose=["salad.jsonl"]), copying, None)
    data = DataConfig(prose=["toy.jsonl"], qa={"toy-questions.jsonl": 1.0}, validation_paragraphs=50, distractors=[1.0])
    trainer = _run(work, "language", data, language, work / "copying" / "packed")
    apply_packed_state(trainer.model, load_packed_state(work / "language" / "packed"))
    return trainer.model.eval(), tokenizer


def _candidates() -> list[ToyText]:
    """Texts of two to twelve sentences. Drawn apart from the training texts, they are new: there are millions of texts
    of two sentences."""
    draw = random.Random(_EXAMPLE_SEED)
    return [draw_text(draw, sentences) for sentences in (4, 2, 3, 4, 5, 6, 8, 10, 12) * 12]


def measure(gmsa: Gmsa, texts: list[ToyText], rate: int) -> list[tuple[list[bool], bool]]:
    """For each text: whether each of its facts is answered exactly, and whether the text is restored exactly; with
    every greedy token by a margin of at least LEAST_MARGIN."""
    segments = [gmsa.segments(toy.text) for toy in texts]
    flat = iter(gmsa.compress([one.ids for text in segments for one in text], rate))
    soft = [[next(flat) for _ in text] for text in segments]
    questions = [(i, fact) for i, toy in enumerate(texts) for fact in toy.facts]
    answers = gmsa.generate([gmsa.question_input(fact.question, soft[i]) for i, fact in questions])
    pieces = [(i, one) for i, text in enumerate(segments) for one in text]
    restored = gmsa.generate(
        [gmsa.restore_input(one, len(segment.ids)) for (_, segment), one in zip(pieces, (s for t in soft for s in t))]
    )
    answered: list[list[bool]] = [[] for _ in texts]
    for (i, fact), output in zip(questions, answers):
        answered[i].append(gmsa.decode(output.token_ids).strip() == fact.answer and output.margin >= LEAST_MARGIN)
    whole = [True] * len(texts)
    for (i, segment), output in zip(pieces, restored):
        whole[i] &= gmsa.decode(output.token_ids) == segment.text and output.margin >= LEAST_MARGIN
    return list(zip(answered, whole))


def choose_examples(gmsa: Gmsa) -> dict[str, Any]:
    """What examples.json holds: the first of the candidates that are both answered and restored at the default rate,
    with four texts of more than one segment among them. Raises FixtureError if the model is not good enough."""
    texts, rate = _candidates(), gmsa.config.default_rate
    found = measure(gmsa, texts, rate)
    facts = [right for answered, _ in found for right in answered]
    share = sum(facts) / len(facts)
    restored = sum(whole for _, whole in found) / len(found)
    print(
        f"rate {rate}, unseen texts, with a margin of {LEAST_MARGIN}: "
        f"{share:.1%} of {len(facts)} answers, {restored:.1%} of {len(texts)} texts"
    )
    short: list[ToyText] = []
    long: list[ToyText] = []
    for toy, (answered, whole) in zip(texts, found):
        if all(answered) and whole:
            (short if len(gmsa.segments(toy.text)) == 1 else long).append(toy)
    if share < LEAST_SHARE or len(short) < 10 or len(long) < 4:
        raise FixtureError(
            f"The fixture answers {share:.1%} of unseen questions; whole texts right: {len(short)} of one segment, "
            f"{len(long)} of several. It was not written; train it longer."
        )
    chosen = [*short[:10], *long[:4]]
    asked = [toy.facts[number % len(toy.facts)] for number, toy in enumerate(chosen)]
    examples = [
        {"text": toy.text, "question": fact.question, "answer": fact.answer} for toy, fact in zip(chosen, asked)
    ]
    return {"rate": rate, "examples": examples, "restore": [toy.text for toy in chosen]}


def export_fixture(model: GmsaModel, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Exports, checks the exported graphs on ONNX Runtime, and only then replaces `out`."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".fixture-") as temporary:
        folder = Path(temporary) / out.name
        export_model(model, tokenizer, folder, name=out.name, base_name="random weights", card=_CARD)
        known = choose_examples(Gmsa(OnnxRuntime(folder, "fp32"), batch_size=32))
        write_json(folder / "examples.json", known)
        write_manifest(folder)
        if out.exists():
            shutil.rmtree(out)
        shutil.move(folder, out)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gmsa_training.fixture", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the model folder to write, such as ../models/fixture")
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="CPU threads of training (default 1); another number gives other weights, by rounding",
    )
    parser.add_argument("--work", type=Path, help="keeps base, data, metrics and weights in this (empty) folder")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        with tempfile.TemporaryDirectory() as temporary:
            work = options.work or Path(temporary)
            work.mkdir(parents=True, exist_ok=True)
            model, tokenizer = train_fixture(work)
            export_fixture(model, tokenizer, options.out)
    except FixtureError as error:
        print(f"fixture: {error}", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
    print(f"{options.out}: {size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
