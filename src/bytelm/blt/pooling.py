"""Sums, maxima and attention over the bytes of each patch, without masks.

The bytes of all patches stand one behind the other; ``patch[t]`` says to which patch byte ``t`` belongs. So the
attention of patches to their own bytes is a softmax over segments.

Shapes: T bytes, P patches, C vectors for each patch (k), H heads of queries, K heads of keys and values, D head
width, W width.
"""

from torch import Tensor


def segment_max(values_TX: Tensor, patch_T: Tensor, count: int) -> Tensor:
    """The elementwise maximum over the bytes of each patch, ``(P, …)``; every patch has bytes."""
    index = patch_T.view(-1, *[1] * (values_TX.dim() - 1)).expand_as(values_TX)
    empty = values_TX.new_full((count, *values_TX.shape[1:]), float("-inf"))
    return empty.scatter_reduce(0, index, values_TX, "amax")


def segment_sum(values_TX: Tensor, patch_T: Tensor, count: int) -> Tensor:
    """The sum over the bytes of each patch, ``(P, …)``."""
    return values_TX.new_zeros(count, *values_TX.shape[1:]).index_add(0, patch_T, values_TX)


def attend_to_bytes(query_PCHD: Tensor, key_TKD: Tensor, value_TKD: Tensor, patch_T: Tensor) -> Tensor:
    """What the vectors of each patch find in its own bytes, ``(P, C, H, D)``."""
    count, _, heads, width = query_PCHD.shape
    key_THD, value_THD = spread(key_TKD, heads), spread(value_TKD, heads)
    scores_TCH = (query_PCHD[patch_T] * key_THD.unsqueeze(1)).sum(-1) * width**-0.5
    scores_TCH = scores_TCH - segment_max(scores_TCH.detach(), patch_T, count)[patch_T]
    weights_TCH = scores_TCH.exp()
    total_PCH = segment_sum(weights_TCH, patch_T, count)
    found_PCHD = segment_sum(weights_TCH.unsqueeze(-1) * value_THD.unsqueeze(1), patch_T, count)
    return found_PCHD / total_PCH.unsqueeze(-1)


def attend_to_patch(query_RNHD: Tensor, key_RNCKD: Tensor, value_RNCKD: Tensor) -> Tensor:
    """What each byte finds in the vectors of its one patch, ``(R, N, H, D)``."""
    heads, width = query_RNHD.shape[-2:]
    key_RNCHD, value_RNCHD = spread(key_RNCKD, heads), spread(value_RNCKD, heads)
    scores_RNCH = (query_RNHD.unsqueeze(2) * key_RNCHD).sum(-1) * width**-0.5
    found: Tensor = (scores_RNCH.softmax(2).unsqueeze(-1) * value_RNCHD).sum(2)
    return found


def spread(x: Tensor, heads: int) -> Tensor:
    """Heads of keys or values, ``(…, K, D)``, repeated for the heads of queries that share them."""
    own = x.shape[-2]
    return x if own == heads else x.repeat_interleave(heads // own, dim=-2)
