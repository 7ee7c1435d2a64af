"""A small model trained on the spot, with a tokenizer of its own: the partner of a published one in an ensemble."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

from measuring.rounds import Say

VOCABULARY, CONTEXT, BATCH, RATE = 1024, 256, 16, 3e-3
END = "<|endoftext|>"


def train(texts: Sequence[str], folder: Path, steps: int, seed: int, say: Say) -> Path:
    """A Llama of about 0.9 million parameters over byte-level BPE, in ``folder``; seconds to minutes on a processor."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(texts)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"bos_token": END, "eos_token": END, "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names), encoding="utf-8")
    end = tokenizer.token_to_id(END)
    ids = torch.tensor([token for text in texts for token in (end, *tokenizer.encode(text).ids)])
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=128,
        intermediate_size=344,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=2 * CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=end,
        eos_token_id=end,
    )
    model = LlamaForCausalLM(config)
    _fit(model, ids, steps, torch.Generator().manual_seed(seed), say)
    model.save_pretrained(folder)
    return folder


def _tokenizer(texts: Sequence[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _fit(model: LlamaForCausalLM, ids: torch.Tensor, steps: int, generator: torch.Generator, say: Say) -> None:
    """One cycle of AdamW, the rate warming up and then falling to nothing."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        starts = torch.randint(len(ids) - CONTEXT, (BATCH, 1), generator=generator)
        window = ids[starts + torch.arange(CONTEXT)]
        loss = model(input_ids=window, labels=window).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        if step % 50 == 0:
            say(f"training, step {step} of {steps}, {loss.item():.2f} nats a token")
