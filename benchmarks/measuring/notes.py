"""What the figures of each part of the benchmark of speed mean."""

from collections.abc import Mapping
from types import MappingProxyType

NOTES: Mapping[str, str] = MappingProxyType(
    {
        "all": "ratio: bytes per second over those of transformers in the same round; above 1 is faster. Every "
        "figure is a median of the rounds. Garbage is collected before each timed call. What a tokenizer's rule learns "
        "of texts as they come it has learned of other text, the end of the same corpus; 'cold' rows show what the "
        "first texts cost instead.",
        "generate": "'greedy X' is bytelm's generate with a model of tolerance X; it is sure of the best byte at "
        "any, so the bytes are the same. 'step X' asks for the whole next-byte distribution to tolerance X at every "
        "byte. transformers makes as many tokens as it takes for as many bytes and has no end token; bytelm may end "
        "the text. ratio_of_tokens: the same with tokens for bytes: random weights repeat tokens, long or short ones, "
        "and then it says more. passes_per_token: forward passes over the tokens that the bytes make, a prompt "
        "counted as one pass, as it is for transformers, which has 1; with_prompts: however many passes the prompts "
        "took. per_byte, per_token: passes, evaluated heads (distributions asked for) and token positions run through "
        "the network, those of reading the prompts taken off.",
        "sample": "temperature 1, no filters, on both sides; what is counted includes the prompts.",
        "batch": "greedy, prompts of different lengths; ratio: a batch's bytes per second over those of the same "
        "prompts one after the other. transformers pads on the left.",
        "overhead": "one stream from its first byte on, tolerance 1e-6. Inside: in calls of the network, its body or "
        "its output layer, timed by replacing their forward; outside: everything else.",
        "score": "token level: the log-probability of the text's own tokens, one plain call for each window of the "
        "context, windows half a context apart as bytelm's are. It leaves out all other segmentations and bytelm "
        "renormalises over the canonical ones, so their bits per byte differ a little.",
        "compiled": "load(compile=True), tolerance 1e-4; transformers as it comes, not compiled. load_seconds: "
        "loading, compilation included, with whatever torch has in its own cache on disk.",
        "prefill": "from a prompt to the distribution of the byte after it.",
        "prefix": "the time to the first byte of generate: of a prompt, of a second one that begins with nine tenths "
        "of it, and of the first again; another model has read all of them before over the same tokenizer, so that "
        "what that remembers is no part of the difference.",
        "contexts": "greedy, from the first byte on, behind prompts of so many bytes; inside and outside as in "
        "overhead.",
        "memory": "one greedy stream: cache is the storage of keys and values, python what Python and NumPy hold "
        "(tracemalloc; peak: since the line before), other_tensors the storage of other tensors; all less what was "
        "there before the prompt, in bytes. Activations inside a pass are not seen. shared: by how much a tokenizer's "
        "own caches, which have bounds, grow over such a stream; they are full before this one begins. growth: from "
        "the first to the last line, of cache, and of all else with python at its peak.",
        "genlm": "genlm-bytes in an environment of its own, in the same run, with few bytes as it is slow; 'not "
        "waiting': without the 0.02 s for which it waits to fill a batch. Its masses are of all token sequences, "
        "unnormalised.",
    }
)
"""By the name of the part; the first is about all of them."""
