"""Tiny models with random weights, and the graphs of a model folder run on the CPU, for the export's tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from gmsa_training.config import LoraConfig, ModelConfig, QuantizationConfig
from gmsa_training.model.gmsa_model import GmsaModel

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEXT = [
    "The red house stands by the river. Anna painted the old door green in May.",
    "Question: What colour is the door?\nAnswer: green",
    "Restate the text above: the baker sold 12 loaves, 3 cakes and 40 rolls on Monday.",
]


def tiny_tokenizer(vocabulary: int = 320) -> PreTrainedTokenizerFast:
    """Byte-level BPE with every byte and few merges."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=SPECIAL[1], eos_token=SPECIAL[2], unk_token=SPECIAL[0], pad_token=SPECIAL[2]
    )


def tiny_model(tokenizer: PreTrainedTokenizerFast, quantized: bool, seed: int = 0, lora: LoraConfig | None = None) -> GmsaModel:
    """Hidden size 64, two heads of 32 over one key-value head, one encoder, one LSA and two decoder layers."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=1024,
        rms_norm_eps=1e-5,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        # Wide enough that greedy tokens differ clearly from each other.
        initializer_range=0.3,
        tie_word_embeddings=True,
    )
    base = LlamaForCausalLM(config)
    grids = QuantizationConfig(linear=quantized, embedding=quantized)
    model = GmsaModel(
        base,
        config,
        ModelConfig(
            encoder_layers=1, lsa_layers=1, rates=[2, 4, 8], default_rate=2, segment_length=64, window=1024,
            quantization=grids, encoder_lora=lora,
        ),
    )
    with torch.no_grad():
        for stack in (model.encoder, model.lsa, model.decoder):
            for name, parameter in stack.named_parameters():
                if name.endswith("norm.weight"):
                    # Rounded as an export rounds them, so that the rest can be compared closely.
                    parameter.copy_((parameter * (1 + 0.2 * torch.randn_like(parameter))).half().float())
    model.set_quantization(True)
    return model.eval()


class Graphs:
    """The four graphs of one dtype on ORT's CPU provider. Arrays in, arrays out; float inputs are cast as needed."""

    def __init__(self, folder: Path, suffix: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        self.float = np.float16 if suffix == "_q4f16" else np.float32
        self.sessions = {
            name: onnxruntime.InferenceSession(
                folder / "onnx" / f"{name}{suffix}.onnx", options, providers=["CPUExecutionProvider"]
            )
            for name in ("embed_tokens", "encoder_model", "lsa", "decoder_model_merged")
        }

    def embed(self, ids: list[list[int]]) -> np.ndarray:
        return self.sessions["embed_tokens"].run(None, {"input_ids": np.array(ids, np.int64)})[0]

    def stack(self, name: str, embeds: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        mask = np.ones(embeds.shape[:2], np.int64) if mask is None else mask
        return self.sessions[name].run(None, {"inputs_embeds": embeds.astype(self.float), "attention_mask": mask})[0]

    def decode(
        self,
        embeds: np.ndarray,
        past: dict[str, np.ndarray] | None = None,
        mask: np.ndarray | None = None,
        logits_from: int = -1,
    ):
        """Logits [B, K, V] of the positions from `logits_from` and the cache, named as the next step's inputs."""
        session = self.sessions["decoder_model_merged"]
        if past is None:
            past = {
                value.name: np.zeros((len(embeds), value.shape[1], 0, value.shape[3]), self.float)
                for value in session.get_inputs()
                if value.name.startswith("past_key_values.")
            }
        length = embeds.shape[1] + next(iter(past.values())).shape[2]
        mask = np.ones((len(embeds), length), np.int64) if mask is None else mask
        feeds = {"inputs_embeds": embeds.astype(self.float), "attention_mask": mask, "logits_from": np.array([logits_from])}
        logits, *present = session.run(None, feeds | past)
        names = [value.name.replace("present", "past_key_values") for value in session.get_outputs()[1:]]
        return logits, dict(zip(names, present, strict=True))

    def greedy(self, embeds: np.ndarray, count: int) -> list[int]:
        logits, past = self.decode(embeds)
        tokens = [int(logits[0, -1].argmax())]
        while len(tokens) < count:
            logits, past = self.decode(self.embed([tokens[-1:]]), past)
            tokens.append(int(logits[0, -1].argmax()))
        return tokens
