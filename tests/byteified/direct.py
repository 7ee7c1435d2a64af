"""A byteified checkpoint computed directly from its files, in float64 and loops: the judge of all that is quick."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from bytelm.protocol import FloatArray


def rows_of(ids: tuple[int, ...], config: dict[str, Any]) -> list[int]:
    """The row of every position, by looking up one end of the text after the other, the longest first."""
    written = config["expand_input_ids_dict"][0]
    rows = []
    for end in range(1, len(ids) + 1):
        ends = (ids[start:end] for start in range(max(0, end - config["expand_input_ids_maxlen"]), end))
        found = (written.get(",".join(str(id + 1) for id in reversed(some))) for some in ends)
        rows.append(next((row - 1 for row in found if row is not None), 0))
    return rows


class DirectModel:
    """Llama or Gemma 2 with suffix embeddings.

    Attributes:
        config: its ``config.json``.
    """

    def __init__(self, folder: Path) -> None:
        self.config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self._weights = {
            name: weight.astype(np.float64) for name, weight in load_file(folder / "model.safetensors").items()
        }
        self._gemma = self.config["model_type"] == "tpu_gemma2"
        self.logprobs_of = lru_cache(maxsize=None)(self._last_logprobs)

    def logits(self, ids: tuple[int, ...]) -> FloatArray:
        """The logits behind every position, ``(len(ids), vocabulary size)``."""
        stream = self._of("model.embed_tokens")[list(ids)].copy()
        if self.config["expand_input_ids"]:
            stream += self._of("model.expand_embed_tokens")[rows_of(ids, self.config)]
        if self._gemma:
            stream *= self.config["hidden_size"] ** 0.5
        for layer in range(self.config["num_hidden_layers"]):
            name = f"model.layers.{layer}."
            attended = self._attended(self._normed(stream, name + "input_layernorm"), layer)
            if self._gemma:
                stream = stream + self._normed(attended, name + "post_attention_layernorm")
                made = self._mixed(self._normed(stream, name + "pre_feedforward_layernorm"), name)
                stream = stream + self._normed(made, name + "post_feedforward_layernorm")
            else:
                stream = stream + attended
                stream = stream + self._mixed(self._normed(stream, name + "post_attention_layernorm"), name)
        logits: FloatArray = self._normed(stream, "model.norm") @ self._of("lm_head").T
        cap = self.config.get("final_logit_softcapping")
        return logits if cap is None else cap * np.tanh(logits / cap)

    def logprobs(self, ids: tuple[int, ...]) -> FloatArray:
        """The log-probabilities behind every position, nats."""
        logits = self.logits(ids)
        logprobs: FloatArray = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        return logprobs

    def _last_logprobs(self, tokens: tuple[int, ...]) -> FloatArray:
        """What the judges of byte models ask: behind the begin token and ``tokens``."""
        return self.logprobs((self.config["bos_token_id"], *tokens))[-1]

    def _of(self, name: str) -> FloatArray:
        return self._weights[name + ".weight"]

    def _normed(self, x: FloatArray, name: str) -> FloatArray:
        scale = self._of(name) + (1.0 if self._gemma else 0.0)
        normed: FloatArray = x / np.sqrt((x**2).mean(axis=1, keepdims=True) + self.config["rms_norm_eps"]) * scale
        return normed

    def _mixed(self, x: FloatArray, name: str) -> FloatArray:
        gate = x @ self._of(name + "mlp.gate_proj").T
        if self._gemma:
            active = gate / 2 * (1 + np.tanh((2 / np.pi) ** 0.5 * (gate + 0.044715 * gate**3)))
        else:
            active = gate / (1 + np.exp(-gate))
        mixed: FloatArray = (active * (x @ self._of(name + "mlp.up_proj").T)) @ self._of(name + "mlp.down_proj").T
        return mixed

    def _attended(self, x: FloatArray, layer: int) -> FloatArray:
        config, name = self.config, f"model.layers.{layer}.self_attn."
        count, size = config["num_attention_heads"], config["head_dim"]
        shared = count // config["num_key_value_heads"]
        made = np.zeros((len(x), count * size))
        for head in range(count):
            own = slice(head * size, (head + 1) * size)
            common = slice(head // shared * size, (head // shared + 1) * size)
            queries = x @ self._of(name + "q_proj")[own].T
            keys = x @ self._of(name + "k_proj")[common].T
            values = x @ self._of(name + "v_proj")[common].T
            queries, keys = self._turned(queries), self._turned(keys)
            for place in range(len(x)):
                first = max(0, place - config["sliding_window"] + 1) if self._gemma and layer % 2 == 0 else 0
                scores = keys[first : place + 1] @ queries[place] / config.get("query_pre_attn_scalar", size) ** 0.5
                if self._gemma:
                    cap = config["attn_logit_softcapping"]
                    scores = cap * np.tanh(scores / cap)
                weights = np.exp(scores - scores.max())
                made[place, own] = weights @ values[first : place + 1] / weights.sum()
        attended: FloatArray = made @ self._of(name + "o_proj").T
        return attended

    def _turned(self, x: FloatArray) -> FloatArray:
        """Rotary embeddings: halves of a vector are the parts of complex numbers, turned by position and frequency."""
        half = x.shape[1] // 2
        turned = np.empty_like(x)
        for place in range(len(x)):
            for pair in range(half):
                angle = place * self._frequency(pair / half)
                a, b = x[place, pair], x[place, half + pair]
                turned[place, pair] = a * np.cos(angle) - b * np.sin(angle)
                turned[place, half + pair] = b * np.cos(angle) + a * np.sin(angle)
        return turned

    def _frequency(self, share: float) -> float:
        frequency: float = self.config["rope_theta"] ** -share
        scaling = self.config.get("rope_scaling")
        if scaling is None:
            return frequency
        turns = scaling["original_max_position_embeddings"] * frequency / (2 * np.pi)
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        kept = min(1.0, max(0.0, (turns - low) / (high - low)))
        return frequency * (kept + (1 - kept) / scaling["factor"])
