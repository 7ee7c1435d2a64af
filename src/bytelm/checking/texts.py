"""Texts that are hard for tokenizers, and random pieces of them. All were written for this purpose."""

from collections.abc import Sequence
from random import Random
from types import MappingProxyType

PIECES = (
    *(" ", "  ", "   ", "\n", "\n\n", "\r\n", "\r", "\t", " \n", "\n "),
    *("1", "12", "123", "1234", "0.5", "a", "l", "s", "re", "the", "The", "THE", "x_", "fooBar", "e"),
    *("'", "'s", "'ll", "'re", "'LL", "'ſ", "’s", "''", '"', ".", "...", "!?", "_", "/", "//", "=>", "#", "\\n"),
    *(
        "\u00e9",
        "e\u0301",
        "e\u0323\u0301",
        "ß",
        "İ",
        "ı",
        "\u212b",
        "A\u030a",
        "Ǆ",
        "ǅ",
        "ﬁ",
        "Ａ",
        "１",
        "½",
        "²",
        "Ⅷ",
    ),
    *("ας", "Σ", "\u03ac", "рус", "\u0439", "И\u0306", "ع", "لا", "ﷺ", "שׁ", "हि", "क्ष", "กำ", "ที่"),
    *("中文", "漢", "\ufa11", "かが", "カ\u3099", "ｶﾞ", "\ud55c", "\u1112\u1161\u11ab", "ㅎ", "\u1112", "\u11ab"),
    *("٣", "३", "𝟎", "𐐀", "𝐀", "𠮷", "😀", "👩\u200d👧", "👍🏽", "🇩🇪", "🇩", "❤\ufe0f", "☺", "\u200d", "\ufe0f"),
    *("\u00a0", "\u3000", "\u2028", "\u200b", "\u2581", "\u2581\u2581", "\u00ad", "\u061c", "\ufeff", "\ufffd", "…"),
    *("\x00", "\x07", "\x1b", "\x7f", "\x85", "\U000e0001", "\U0010ffff", "<s>", "<|endoftext|>", "<0x0A>", "[UNK]"),
)
"""What tangles are made of."""

SAMPLES = MappingProxyType(
    {
        "code": "def f(x, *y):\n    return {x: [y[0]], 'it''s': 1e-10}  # it's 12345\n\n\n\tif (a&&b||!c){d=0xFF;}\r\n",
        "markup": '<a href="http://ex.am/ple?q=1&r=%20">&nbsp;</a>\n# Title\n\n* **bold** `x`\n| a | b |\n|---|---|\n',
        "digits": "1 12 123 1234 12345 1234567 1,000,000.00 3.14159 2024-02-29T23:59:59Z 0x1F +49 30 901820 №5",
        "other digits": "١٢٣٤ १२३ ๑๒๓ １２３ 𝟙𝟚𝟛 Ⅳ ½ ² x²³ ①②",
        "spaces": "a  b   c    d\n\ne\n\n\nf \n g  \n  h\t\ti\t j\r\n\r\nk\r l\u00a0\u00a0m\u3000n \u2009 o   ",
        "apostrophes": "It's we'll they're I'd I'M 'twas rock 'n' roll's '' ''s 'LL O'Re dogs' l'été d’or y'all'd've",
        "cases": "camelCase snake_case SCREAMING_CASE XMLHttpRequest iPhone McDonald ǅungla ﬁne STRAẞE İıstanbul",
        "Latin": "Père Noël déjà vu, naïve façade; Łódź, Đà Nẵng, Tiếng Việt, Ærøskøbing, Þórr, Gżegżółka",
        "Latin decomposed": "Pe\u0300re Noe\u0308l de\u0301ja\u0300 Vie\u0323\u0302t q\u0307\u0323 \u0301x",
        "Greek": "Ὁ ἄνθρωπος καὶ ἡ θάλασσα· ΣΊΣΥΦΟΣ σίσυφος, τί ἐστι; \u2126 \u03a9 \u00b5 \u03bc α\u0301",
        "Cyrillic": "Съешь ещё этих мягких булок. Їжак і ґава, Њ Љ, й\u0306 и\u0306 Ё Е\u0308",
        "Arabic": "السلام عليكم، كيف الحال؟ بِسْمِ ٱللَّهِ لا ﷲ ١٢٣ ـــ کتاب پارسی",
        "Hebrew": "שָׁלוֹם עוֹלָם, מה־נשמע? ״ציטוט״ \ufb2a ש\u05c1 123",
        "Devanagari": "नमस्ते दुनिया, यह क्षत्रिय का ज्ञान है। १२३ क\u200dष क\u200cष \u095c ड\u093c",
        "Thai": "สวัสดีชาวโลก น้ำเงิน ที่นี่ กำลัง ๑๒๓ เกี๊ยว",
        "Chinese": "敏捷的棕色狐狸跳过了懒狗。繁體漢字、﨑﨟 \uf900 \u8c48「引號」100元，𠮷野家。",
        "Japanese": "吾輩は猫である。ガギグ カ\u3099 か\u3099 ﾊﾝｶｸ ヶ々〆 １２３ＡＢＣ「はい」ー〜",
        "Korean": "안녕하세요 세계! 한글 \u1112\u1161\u11ab\u1100\u1173\u11af ㅎㅎ ㄱㅏ \u1112 \uac12이 1000원",
        "emoji": "😀😃 👩\u200d👩\u200d👧 👍🏽 🇩🇪🇫🇷🇩 ❤\ufe0f ❤ ☺\ufe0e 1\ufe0f\u20e3 🧑🏿\u200d🚀 \u200d👩",
        "tags": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f \U000e0001",
        "controls": "\x00\x01 a\x07\x08b \x0b\x0c \x1b[31m \x7f \x80\x85\x9f \u200b\u200e\ufeff \ufffd\ufffe \u2028",
        "marks": "\u2581a \u2581\u2581b a\u2581 \u2581 Ġx Ċ ## ##ing <unk> <s>x</s> <0xE2> <|endoftext|> [CLS] @@ </w>",
        "compatibility": "ﬁ ﬂ ﬃ ① Ⅳ ½ x² H₂O Ａｂｃ１２３ ｱｲｳ ㍿ ㎏ ™ … ‥ ﹏ \u212b \u212a ſ ǆ ℌ 𝕳𝖊𝖑𝖑𝖔 𝟙𝟚",
        "astral": "𐍈𐌰𐌹 𐐀𐐨 𝒜𝓑 𠀀𠮷𪚥 𞤀𞤢 🀄🂡 𓀀𓃰 𝄞 \U0001f9ff\U0010fffd",
        "mixed": "Hello мир 世界1 שלוםabc 한국語だ x=π·r² ½cup 5€/£6 naïve中café😀's Ω'll 3rd٣rd",
        "repeats": "aaaaaaaaaaaaaaaa----------------================................\n\n\n\n\n\n\n\n!!!!!!!!",
    }
)
"""Short texts, by what they are of."""

NORMALIZATION_PROBES = (
    *("e\u0301", "\u00e9", "\u1112\u1161\u11ab", "q\u0307\u0323", "\u212b", "ﬁ", "Ａ", "½", "A", "ß"),
    *("a  b", " a ", "a\n", "\u00a0", "\t", "\u2581", "\x00", "\u200b", "’"),
)
"""Texts that normalizers are known to change."""

_LONGEST_WINDOW = 30
_SHARE_OF_WINDOWS = 0.6


def tangle(random: Random, longest: int = 8, pieces: Sequence[str] = PIECES) -> str:
    """A random text of up to ``longest`` pieces; a few pieces come up again and again in it."""
    few = random.choices(pieces, k=random.randint(1, 4))
    return "".join(random.choices((*few, *few, random.choice(pieces)), k=random.randint(1, longest)))


def window(random: Random, texts: Sequence[str]) -> str:
    """A random stretch of up to 30 characters of one of the texts, none of which is empty."""
    text = random.choice(texts)
    start = random.randrange(len(text))
    return text[start : start + random.randint(1, _LONGEST_WINDOW)]


def draw(random: Random, texts: Sequence[str]) -> str:
    """A stretch of one of the texts, or, two times in five, a tangle."""
    return window(random, texts) if random.random() < _SHARE_OF_WINDOWS else tangle(random)
