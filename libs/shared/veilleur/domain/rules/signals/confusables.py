"""Letters of other scripts that are read as Latin ones, after the intent of Unicode TR39.

Only for words that mix scripts: in a word of one script these are simply its letters.
"""

_LOOK_ALIKES = {
    # Cyrillic
    "а": "a", "в": "b", "с": "c", "ԁ": "d", "е": "e", "ё": "e", "ѐ": "e", "є": "e", "ғ": "f", "һ": "h",
    "н": "h", "і": "i", "ї": "i", "ӏ": "l", "ј": "j", "к": "k", "қ": "k", "ӄ": "k", "м": "m", "п": "n", "о": "o",
    "р": "p", "ԛ": "q", "г": "r", "ѕ": "s", "т": "t", "ц": "u", "ѵ": "v", "ԝ": "w", "ш": "w", "х": "x", "у": "y",
    "ү": "y", "ў": "y", "з": "z", "и": "n", "й": "n", "я": "r", "ь": "b", "б": "b", "д": "d",
    # Greek
    "α": "a", "ά": "a", "β": "b", "ϲ": "c", "δ": "d", "ε": "e", "έ": "e", "η": "n", "ή": "n", "ι": "i", "ί": "i",
    "ϊ": "i", "κ": "k", "μ": "u", "ν": "v", "ο": "o", "ό": "o", "θ": "o", "ρ": "p", "σ": "o", "ς": "c", "τ": "t",
    "υ": "u", "ύ": "u", "χ": "x", "γ": "y", "ω": "w", "ώ": "w", "ζ": "z", "λ": "a",
    # Armenian
    "ա": "w", "զ": "q", "հ": "h", "ո": "n", "ռ": "n", "օ": "o", "ս": "u", "տ": "s", "ք": "p", "ց": "g", "ւ": "i",
}  # fmt: skip

CONFUSABLES = {ord(character): latin for character, latin in _LOOK_ALIKES.items()}
"""For `str.translate`, over text in lower case."""
