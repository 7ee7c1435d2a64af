"""The files that make transformers' own tokenizers of bytelm's ids: a byte is a token, and a text begins with BOS."""

from pathlib import Path
from typing import Final

from bytelm.blt.vocabulary import BOS, DELIMITER, EOS, OFFSET, PADDING
from bytelm.blt.weights.directories import lasting_file, write_json
from bytelm.tokens.writing import byte_characters

SPECIALS: Final = {PADDING: "<pad>", BOS: "<bos>", EOS: "<eos>", DELIMITER: "<delimiter>"}
"""How the special ids are written."""


def write_tokenizer(folder: Path) -> None:
    """Write ``tokenizer.json``, ``tokenizer_config.json`` and ``generation_config.json``."""
    with lasting_file(folder / "tokenizer.json") as file:
        file.write(tokenizer_json().encode("utf-8"))
    roles = {"bos_token": SPECIALS[BOS], "eos_token": SPECIALS[EOS], "pad_token": SPECIALS[PADDING]}
    config: dict[str, object] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **roles,
        "clean_up_tokenization_spaces": False,
        # A text that spells "<eos>" is five bytes like any other.
        "split_special_tokens": True,
    }
    write_json(folder / "tokenizer_config.json", config)
    ids = {"bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": PADDING}
    write_json(folder / "generation_config.json", ids)


def tokenizer_json() -> str:
    """The ``tokenizer.json``: a byte-pair encoding that merges nothing and cuts nothing."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

    vocabulary = {name: number for number, name in SPECIALS.items()}
    vocabulary |= {character: byte + OFFSET for byte, character in enumerate(byte_characters())}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIALS.values()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    begin = SPECIALS[BOS]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A", pair=f"{begin} $A {begin} $B", special_tokens=[(begin, BOS)]
    )
    return str(tokenizer.to_str(pretty=True))
