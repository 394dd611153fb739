"""The traditional compression paradigm (TCP), the baseline that the paper compares with: learnable tokens appended to
the encoder's input, and an MLP on their last hidden states in place of merging and LSA. The paper leaves the MLP's
shape open; this is ICAE's."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gmsa_training.model.layers import GridLinear, LayerStack

_GELU_RMS = 0.652  # of GELU(x) for x ~ N(0, 1)


class TcpHead(nn.Module):
    """slots: one row for every compression token; a segment of n tokens at rate r takes the first ceil(n / r)."""

    def __init__(self, slots: int, hidden_size: int, rms: float) -> None:
        """rms: of the slots and of the soft tokens, at the start, for hidden states of RMS 1."""
        super().__init__()
        self.slots = nn.Embedding(slots, hidden_size)
        self.inner = GridLinear(hidden_size, hidden_size)
        self.outer = GridLinear(hidden_size, hidden_size)
        nn.init.normal_(self.slots.weight, std=rms)
        nn.init.normal_(self.inner.weight, std=hidden_size**-0.5)
        nn.init.normal_(self.outer.weight, std=rms / _GELU_RMS * hidden_size**-0.5)
        nn.init.zeros_(self.inner.bias)
        nn.init.zeros_(self.outer.bias)

    def forward(self, encoder: LayerStack, embeddings: Tensor, groups: Tensor, soft_length: int) -> Tensor:
        """embeddings [S, T, H] of segments and groups [S, T] (see SegmentChunk) to soft tokens [S, M, H] with
        M = soft_length. Slots follow the last token of their own segment, so causal attention suffices."""
        segments, tokens, width = embeddings.shape
        if soft_length > self.slots.num_embeddings:
            raise ValueError(
                f"A segment of {tokens} tokens needs {soft_length} compression tokens; the model has "
                f"{self.slots.num_embeddings}. Use a higher rate."
            )
        lengths = (groups < segments * soft_length).sum(1, keepdim=True)
        places = lengths + torch.arange(soft_length, device=groups.device)
        places = places.unsqueeze(-1).expand(-1, -1, width)
        slots = self.slots.weight[:soft_length].to(embeddings.dtype).expand(segments, -1, -1)
        inputs = F.pad(embeddings, (0, 0, 0, soft_length)).scatter(1, places, slots)
        hidden_states = encoder(inputs).gather(1, places)
        return self.outer(F.gelu(self.inner(hidden_states)))
