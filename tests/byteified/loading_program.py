"""A program without bytelm: it loads a model by transformers alone, and says what it computes and writes."""

import sys


def main(directory: str, remote: bool, out: str) -> None:
    """Write logits, what greedy decoding goes on with, without a cache and with one, and the ids of a text."""
    sys.modules["bytelm"] = None  # type: ignore[assignment]  # importing it fails
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    network = AutoModelForCausalLM.from_pretrained(directory, trust_remote_code=remote, dtype=torch.float32)
    ids = torch.tensor([list(b"The quick fox"), list(b"ab 1234567 le")])
    options = {"attention_mask": torch.ones_like(ids), "max_new_tokens": 8, "do_sample": False}
    with torch.no_grad():
        logits = network(ids).logits
        written = [network.generate(ids, **options, use_cache=cached) for cached in (False, True)]
    tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=remote)
    text = tokenizer("aé", add_special_tokens=False)["input_ids"]
    torch.save({"logits": logits, "written": written, "ids": ids, "text": text}, out)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "remote", sys.argv[3])
