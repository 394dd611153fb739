"""GMSA on top of Hugging Face layers: encoder, group merging, layer semantic alignment (LSA) and decoder; and what it is
compared with, the traditional paradigm and the decoder alone on the original prompt (`ModelConfig.method`).

S segments, T tokens of the longest segment, M soft tokens of the longest segment, B sequences of the decoder, L its
longest length, H hidden size."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PretrainedConfig

from gmsa_training.config import ModelConfig
from gmsa_training.data.packed_batch import PackedBatch
from gmsa_training.model.layers import GridEmbedding, GridLinear, KeptStates, LayerStack, with_own_layers
from gmsa_training.model.tcp import TcpHead
from gmsa_training.model.token_losses import token_losses


def merge_groups(hidden_states: Tensor, groups: Tensor, group_count: int) -> Tensor:
    """Group merging: the mean of each group of r hidden states (paper section 3.2).

    hidden_states [S, T, H]; groups int64 [S, T], the group of each token in 0..group_count-1, or group_count for a
    padding token. Gives [group_count, H]. A ragged last group is averaged over its own tokens, because only these
    carry its number; an empty group is zero. Sums are in f32.
    """
    flat, index = hidden_states.reshape(-1, hidden_states.shape[-1]).float(), groups.reshape(-1)
    sums = flat.new_zeros(group_count + 1, flat.shape[-1]).index_add(0, index, flat)
    counts = flat.new_zeros(group_count + 1).index_add(0, index, torch.ones_like(index, dtype=flat.dtype))
    return (sums / counts.clamp(min=1).unsqueeze(-1))[:group_count]


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
        self.encoder = self.lsa = self.tcp = None
        if config.method != "full":
            self._add_compressor(inner, base_config)
        self.set_quantization(False)

    @staticmethod
    def _stack(inner: nn.Module, layers: nn.ModuleList) -> LayerStack:
        parts = with_own_layers(nn.ModuleDict({"layers": layers, "norm": copy.deepcopy(inner.norm)}).float())
        return LayerStack(parts["layers"], parts["norm"], copy.deepcopy(inner.rotary_emb))

    def _add_compressor(self, inner: nn.Module, base_config: PretrainedConfig) -> None:
        config = self.config
        if not 0 < config.encoder_layers <= len(inner.layers):
            raise ValueError(f"The base model has {len(inner.layers)} layers, so encoder_layers cannot be {config.encoder_layers}.")
        rms = self.embed_tokens.weight.pow(2).mean().sqrt().item() if config.soft_token_scale == "embeddings" else None
        self.encoder = self._stack(inner, copy.deepcopy(inner.layers[: config.encoder_layers]))
        if config.method == "tcp":
            scale = rms or inner.norm.weight.detach().pow(2).mean().sqrt().item()
            self.tcp = TcpHead(config.compression_tokens(), base_config.hidden_size, scale)
            nn.init.ones_(self.encoder.norm.weight)
        else:
            self.lsa = self._stack(inner, copy.deepcopy(inner.layers[: config.lsa_layers]))
            for parameter in self.lsa.layers.parameters():
                if config.random_lsa and parameter.dim() > 1:
                    nn.init.normal_(parameter, std=base_config.initializer_range)
            for stack in (self.encoder, self.lsa) if rms else ():
                nn.init.constant_(stack.norm.weight, rms)
        for stack in (self.encoder, self.lsa):
            for name, module in stack.named_modules() if stack else []:
                if name.endswith(("o_proj", "down_proj")):
                    module.weight.data.mul_(config.branch_scale)
        if config.encoder_lora:
            for module in self.encoder.modules():
                if isinstance(module, GridLinear):
                    module.add_lora(config.encoder_lora)

    def set_quantization(self, active: bool) -> None:
        """Switches the grids that the configuration asks for on or off."""
        for module in self.modules():
            if isinstance(module, GridLinear):
                module.quantize = active and self.config.quantization.linear
            elif isinstance(module, GridEmbedding):
                module.quantize = active and self.config.quantization.embedding

    def with_fixed_weights(self, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> "GmsaModel":
        """A copy whose weights are what the forward pass uses now, on their grids and with low-rank updates merged, so
        that they are not computed anew at every step."""
        fixed = copy.deepcopy(self).eval().requires_grad_(False)
        for module in fixed.modules():
            if isinstance(module, (GridLinear, GridEmbedding)):
                module.weight.copy_(module.effective_weight())
                module.quantize = False
            if isinstance(module, GridLinear):
                module.lora_a = module.lora_b = None
        # Weights alone: rotary frequencies in bf16 would turn distant positions by whole radians.
        for parameter in fixed.parameters():
            parameter.data = parameter.data.to(dtype)
        return fixed.to(device)

    def set_trainable(self, names: list[str]) -> list[nn.Parameter]:
        """Freezes everything but the named parts and gives their parameters. Names: `encoder` (with LoRA: the
        low-rank update and the norm alone), `lsa`, `tcp`, `decoder`, `decoder.qkv`, `embedding`."""
        stacks = {name: getattr(self, name) for name in ("encoder", "lsa", "tcp", "decoder")}
        parts = {name: list(stack.named_parameters()) for name, stack in stacks.items() if stack is not None}
        if self.config.encoder_lora and "encoder" in parts:
            parts["encoder"] = [(name, p) for name, p in parts["encoder"] if "lora_" in name or name == "norm.weight"]
        parts["decoder.qkv"] = [(name, p) for name, p in parts["decoder"] if name.split(".")[-2] in ("q_proj", "k_proj", "v_proj")]
        parts["embedding"] = list(self.embed_tokens.named_parameters())
        self.requires_grad_(False)
        for name in names:
            if name not in parts:
                raise ValueError(f"Unknown trainable part {name!r}; known: {', '.join(parts)}.")
            for _, parameter in parts[name]:
                parameter.requires_grad_(True)
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def compress(self, segment_ids: Tensor, groups: Tensor, soft_length: int) -> Tensor:
        """segment_ids [S, T] and groups [S, T] (see SegmentChunk) to soft tokens [S, M, H] with M = soft_length."""
        embeddings = self.embed_tokens(segment_ids)
        if self.tcp is not None:
            return self.tcp(self.encoder, embeddings, groups, soft_length)
        hidden_states = self.encoder(embeddings)
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

    def label_states(self, batch: PackedBatch, kept: KeptStates | None = None) -> Tensor:
        """The hidden states [Q, H] that predict the labels. kept: takes those of the decoder's layers."""
        hidden_states = self.decoder(self.decoder_inputs(batch), batch.positions, batch.turn_mask(), kept=kept)
        return hidden_states.flatten(0, 1)[batch.label_source]

    def forward(self, batch: PackedBatch) -> Tensor:
        """Negative log-likelihood of every label, f32 [Q]."""
        return token_losses(self.label_states(batch), self.embed_tokens.effective_weight(), batch.labels)
