"""GMSA on top of Hugging Face layers: encoder, group merging, layer semantic alignment (LSA) and decoder.

S segments, T tokens of the longest segment, M soft tokens of the longest segment, B sequences of the decoder, L its
longest length, H hidden size."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Cache, PretrainedConfig

from gmsa_training.config import LoraConfig, ModelConfig
from gmsa_training.merging import merge_groups
from gmsa_training.quantization import to_int4_grid, to_int8_grid


class GridLinear(nn.Linear):
    """A linear layer whose weight passes the int4 grid, after an optional low-rank update."""

    quantize = False
    lora_scale = 0.0

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.register_parameter("lora_a", None)
        self.register_parameter("lora_b", None)

    def add_lora(self, config: LoraConfig) -> None:
        self.lora_a = nn.Parameter(torch.empty(config.rank, self.in_features))
        self.lora_b = nn.Parameter(torch.zeros(self.out_features, config.rank))
        nn.init.kaiming_uniform_(self.lora_a, a=5**0.5)
        self.lora_scale = config.alpha / config.rank

    def effective_weight(self) -> Tensor:
        """The weight that the forward pass uses, f32 [out, in]: what an export must store."""
        weight = self.weight
        if self.lora_a is not None:
            weight = weight + self.lora_scale * (self.lora_b @ self.lora_a)
        return to_int4_grid(weight) if self.quantize else weight

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.effective_weight(), self.bias)


class GridEmbedding(nn.Embedding):
    """The token embedding, shared with the lm_head; its table passes the 8-bit grid."""

    quantize = False

    def effective_weight(self) -> Tensor:
        return to_int8_grid(self.weight) if self.quantize else self.weight

    def forward(self, ids: Tensor) -> Tensor:
        # Rows are quantised independently of each other, so only those that are looked up need it.
        rows = F.embedding(ids, self.weight)
        return to_int8_grid(rows) if self.quantize else rows


def _with_own_layers(module: nn.Module) -> nn.Module:
    """Replaces linear layers by GridLinear, and RMSNorms by PyTorch's, which is one fused kernel."""
    for name, child in module.named_children():
        if type(child).__name__.endswith("RMSNorm") and not isinstance(child, nn.RMSNorm):
            norm = nn.RMSNorm(child.weight.shape, eps=child.variance_epsilon, dtype=child.weight.dtype)
            norm.load_state_dict(child.state_dict())
            setattr(module, name, norm)
            continue
        if isinstance(child, nn.Linear) and not isinstance(child, GridLinear):
            linear = GridLinear(child.in_features, child.out_features, child.bias is not None, dtype=child.weight.dtype)
            linear.load_state_dict(child.state_dict())
            setattr(module, name, linear)
        else:
            _with_own_layers(child)
    return module


class LayerStack(nn.Module):
    """Decoder layers of the base model and a final RMSNorm: encoder, LSA or decoder."""

    def __init__(self, layers: nn.ModuleList, norm: nn.Module, rotary: nn.Module) -> None:
        super().__init__()
        self.layers = layers
        self.norm = norm
        self.rotary = rotary

    def forward(
        self,
        hidden_states: Tensor,
        position_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """[B, L, H] to [B, L, H]. Without a mask attention is causal, which suffices for right padding: a real token
        never sees the padding behind it. attention_mask: bool [B, 1, L, keys], true where a key is seen."""
        if position_ids is None:
            position_ids = torch.arange(hidden_states.shape[1], device=hidden_states.device).unsqueeze(0)
        position_embeddings = self.rotary(hidden_states, position_ids)
        for layer in self.layers:
            hidden_states = layer(
                hidden_states,
                attention_mask=attention_mask,
                position_ids=position_ids,
                past_key_values=cache,
                use_cache=cache is not None,
                position_embeddings=position_embeddings,
            )
        return self.norm(hidden_states)


def _moved(record: Any, device: torch.device | str) -> Any:
    """A data class with its tensors on another device."""
    if isinstance(record, Tensor):
        return record.to(device, non_blocking=True)
    if isinstance(record, list):
        return [_moved(item, device) for item in record]
    if dataclasses.is_dataclass(record):
        return type(record)(**{name: _moved(value, device) for name, value in vars(record).items()})
    return record


@dataclass
class SegmentChunk:
    """Segments of similar length, padded together.

    segment_ids [S, T]: token ids, right padded with 0. groups [S, T]: which of the chunk's S * M soft tokens a token is
    merged into; S * M for padding. soft_length: M.
    """

    segment_ids: Tensor
    groups: Tensor
    soft_length: int


@dataclass
class PackedBatch:
    """One batch, packed by `batches.py`. All index tensors are int64.

    chunks: the segments; their soft tokens are numbered through all chunks, in order.
    soft_source [N], soft_target [N]: soft token number -> place in the decoder's B * L positions.
    token_ids [K], token_target [K]: tokens of prefix, prompt and target, and their places.
    label_source [Q], labels [Q]: positions whose output predicts a label, and the labels.
    label_sample [Q]: which sequence a label belongs to. sample_rates [B]. source_tokens: without padding.
    turns, positions [B, L], where a row has several turns: the turn of each position (0: context) and its place in
    the sequence that this turn would make with the context alone.
    """

    objective: str
    chunks: list[SegmentChunk]
    source_tokens: int
    soft_source: Tensor
    soft_target: Tensor
    token_ids: Tensor
    token_target: Tensor
    label_source: Tensor
    labels: Tensor
    label_sample: Tensor
    sample_rates: Tensor
    shape: tuple[int, int]
    turns: Tensor | None = None
    positions: Tensor | None = None

    def attention_mask(self) -> Tensor | None:
        """bool [B, 1, L, L]: causal, and blind to other turns; None where causal attention suffices."""
        if self.turns is None:
            return None
        query, key = self.turns.unsqueeze(2), self.turns.unsqueeze(1)
        causal = torch.ones(self.shape[1], self.shape[1], dtype=torch.bool, device=self.turns.device).tril()
        return (causal & ((key == 0) | (key == query))).unsqueeze(1)

    def to(self, device: torch.device | str) -> PackedBatch:
        return _moved(self, device)


class GmsaModel(nn.Module):
    """Encoder, LSA and decoder over one shared embedding.

    `embed_tokens` is the decoder's input embedding and, transposed, its lm_head. The encoder starts as the first
    layers of the base model, the LSA as its first `lsa_layers` layers (v1 section 3.3).
    """

    def __init__(self, base: nn.Module, base_config: PretrainedConfig, config: ModelConfig) -> None:
        """base: a Hugging Face causal LM with `model.layers`, `model.norm`, `model.rotary_emb` and tied embeddings."""
        super().__init__()
        inner = base.model
        self.config = config
        self.base_config = base_config
        table = inner.embed_tokens.weight.detach().float()
        self.embed_tokens = GridEmbedding(*table.shape)
        self.embed_tokens.weight.data.copy_(table)
        self.decoder = self._stack(inner, inner.layers)
        self.encoder = self._stack(inner, copy.deepcopy(inner.layers[: config.encoder_layers]))
        self.lsa = self._stack(inner, copy.deepcopy(inner.layers[: config.lsa_layers]))
        if config.random_lsa:
            for parameter in self.lsa.layers.parameters():
                if parameter.dim() > 1:
                    nn.init.normal_(parameter, std=base_config.initializer_range)
        if config.soft_token_scale == "embeddings":
            rms = table.pow(2).mean().sqrt().item()
            for stack in (self.encoder, self.lsa):
                nn.init.constant_(stack.norm.weight, rms)
        elif config.soft_token_scale != "final_norm":
            raise ValueError(f"soft_token_scale must be 'embeddings' or 'final_norm', not {config.soft_token_scale!r}.")
        for stack in (self.encoder, self.lsa):
            for name, module in stack.named_modules():
                if name.endswith(("o_proj", "down_proj")):
                    module.weight.data.mul_(config.branch_scale)
        if config.encoder_lora:
            for module in self.encoder.modules():
                if isinstance(module, GridLinear):
                    module.add_lora(config.encoder_lora)
        self.set_quantization(False)

    @staticmethod
    def _stack(inner: nn.Module, layers: nn.ModuleList) -> LayerStack:
        parts = _with_own_layers(nn.ModuleDict({"layers": layers, "norm": copy.deepcopy(inner.norm)}).float())
        return LayerStack(parts["layers"], parts["norm"], copy.deepcopy(inner.rotary_emb))

    def set_quantization(self, active: bool) -> None:
        """Switches the grids that the configuration asks for on or off."""
        for module in self.modules():
            if isinstance(module, GridLinear):
                module.quantize = active and self.config.quantization.linear
            elif isinstance(module, GridEmbedding):
                module.quantize = active and self.config.quantization.embedding

    def set_trainable(self, names: list[str]) -> list[nn.Parameter]:
        """Freezes everything but the named parts and gives their parameters. Names: `encoder` (with LoRA: the
        low-rank update and the norm alone), `lsa`, `decoder`, `decoder.qkv`, `embedding`."""
        self.requires_grad_(False)
        for name in names:
            if name == "encoder" and self.config.encoder_lora:
                chosen = [p for n, p in self.encoder.named_parameters() if "lora_" in n or n == "norm.weight"]
            elif name == "decoder.qkv":
                chosen = [p for n, p in self.decoder.named_parameters() if n.split(".")[-2] in ("q_proj", "k_proj", "v_proj")]
            elif name == "embedding":
                chosen = list(self.embed_tokens.parameters())
            elif name in ("encoder", "lsa", "decoder"):
                chosen = list(getattr(self, name).parameters())
            else:
                raise ValueError(f"Unknown trainable part {name!r}; known: encoder, lsa, decoder, decoder.qkv, embedding.")
            for parameter in chosen:
                parameter.requires_grad_(True)
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def compress(self, segment_ids: Tensor, groups: Tensor, soft_length: int) -> Tensor:
        """segment_ids [S, T] and groups [S, T] (see SegmentChunk) to soft tokens [S, M, H] with M = soft_length."""
        hidden_states = self.encoder(self.embed_tokens(segment_ids))
        count = segment_ids.shape[0] * soft_length
        merged = merge_groups(hidden_states, groups, count).to(hidden_states.dtype)
        return self.lsa(merged.view(segment_ids.shape[0], soft_length, -1))

    def decoder_inputs(self, batch: PackedBatch) -> Tensor:
        """The decoder's input embeddings [B, L, H]: prefix, soft tokens, prompt, target; zeros for padding."""
        rows, length = batch.shape
        tokens = self.embed_tokens(batch.token_ids)
        inputs = tokens.new_zeros(rows * length, tokens.shape[-1]).index_copy(0, batch.token_target, tokens)
        if batch.soft_source.numel():
            chunks = [self.compress(chunk.segment_ids, chunk.groups, chunk.soft_length) for chunk in batch.chunks]
            soft = torch.cat([chunk.flatten(0, 1) for chunk in chunks])[batch.soft_source]
            inputs = inputs.index_copy(0, batch.soft_target, soft.to(inputs.dtype))
        return inputs.view(rows, length, -1)

    def logits(self, hidden_states: Tensor) -> Tensor:
        return F.linear(hidden_states, self.embed_tokens.effective_weight())

    def forward(self, batch: PackedBatch) -> Tensor:
        """Negative log-likelihood of every label, f32 [Q]."""
        hidden_states = self.decoder(self.decoder_inputs(batch), batch.positions, batch.attention_mask())
        selected = hidden_states.reshape(-1, hidden_states.shape[-1])[batch.label_source]
        return self.token_losses(selected, batch.labels)

    def token_losses(self, hidden_states: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(self.logits(hidden_states).float(), labels, reduction="none")
