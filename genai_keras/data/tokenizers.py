"""Tokenizers: text to integers and back, by characters or by byte-pair encoding."""

import json
from itertools import chain, pairwise
from pathlib import Path

import numpy as np

from genai_keras.data.byte_pairs import BYTES, cut_words, learn_merges, merge, to_bytes
from genai_keras.errors import UserError

UNKNOWN = "\ufffd"  # Unicode's replacement character
LONGEST = 4 * 33  # bytes of a token: a word of `cut_words` in UTF-8
VISIBLE = {" ": "␣", "\n": "⏎", "\t": "⇥"}


class Tokenizer:
    """The base of all tokenizers: special tokens have the lowest numbers.

    Special tokens are for the caller: `encode` never makes one, whatever the text is, and `decode`
    leaves them out.

    Args:
        pieces: the meaning of each token, except the special ones.
        specials: names of special tokens, for example `("<padding>", "<end>")`.
    """

    def __init__(self, pieces, specials):
        self.specials = tuple(specials)
        self._pieces = list(pieces)

    @property
    def vocabulary_size(self):
        """Number of tokens, including special ones."""
        return len(self.specials) + len(self._pieces)

    def name(self, token):
        """A printable label of one token, for plots: `␣` is a space and `⏎` a line break."""
        if token < len(self.specials):
            return self.specials[token]
        return self._label(self._pieces[token - len(self.specials)])

    def _ordinary(self, tokens):
        """The pieces of all tokens in order, without the special ones."""
        first = len(self.specials)
        return [self._pieces[i - first] for i in np.asarray(tokens).ravel().tolist() if i >= first]


class CharacterTokenizer(Tokenizer):
    """One token per character: the special tokens, an unknown token, the sorted characters.

    A character that it does not know becomes the unknown token, which decodes to U+FFFD.

    Args:
        characters: the characters it knows, in any order.
        specials: names of special tokens.
    """

    def __init__(self, characters, specials=()):
        self.characters = "".join(sorted(set(characters)))
        super().__init__([UNKNOWN, *self.characters], specials)
        self._unknown = len(self.specials)
        self._tokens = {each: self._unknown + 1 + i for i, each in enumerate(self.characters)}
        # By the number of the character; the last place is that of all that come after it.
        last = ord(max(self.characters, default="\0")) + 1
        self._by_code = np.full(last + 1, self._unknown, "int32")
        self._by_code[[*map(ord, self.characters)]] = [*self._tokens.values()]

    @classmethod
    def learn(cls, text, specials=()):
        """The tokenizer that knows the characters of a text, which may be in pieces."""
        return cls(set().union(*([text] if isinstance(text, str) else map(set, text))), specials)

    def encode(self, text):
        """The tokens of a text, one per character, `(length,)` int32."""
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        return self._by_code.take(codes, mode="clip")

    def decode(self, tokens):
        """The text of a list or an array of tokens, without the special ones."""
        return "".join(self._ordinary(tokens))

    def unknown_in(self, text):
        """The characters of a text that it does not know, sorted."""
        return sorted(set(text) - self._tokens.keys())

    def to_json(self):
        """Everything that `load_tokenizer` needs, as JSON."""
        return json.dumps(
            {"kind": "char", "specials": self.specials, "characters": self.characters}
        )

    def _label(self, piece):
        return "<unknown>" if piece == UNKNOWN else _visible(piece)


class BytePairTokenizer(Tokenizer):
    """Byte-level byte-pair encoding (Sennrich et al. 2016; on bytes as in GPT-2).

    The tokens are the special ones, the 256 bytes, then one per merge, in order. Every text is
    bytes in UTF-8, so no text is unknown.

    Args:
        merges: pairs of tokens that become one, in the order in which they were learnt. Here 0 to
            255 are the bytes and 256 is the first merge, regardless of special tokens.
        specials: names of special tokens.

    Raises:
        ValueError: a merge uses tokens that come after it, or is longer than a word.
    """

    def __init__(self, merges, specials=()):
        self.merges = [(left, right) for left, right in merges]
        pieces = [bytes([each]) for each in range(BYTES)]
        for left, right in self.merges:
            if not (0 <= left < len(pieces) and 0 <= right < len(pieces)):
                raise ValueError(f"merge {left}, {right} uses tokens that come after it")
            pieces.append(pieces[left] + pieces[right])
            if len(pieces[-1]) > LONGEST:  # each may be twice as long as the previous one
                raise ValueError(f"merge {left}, {right} is longer than any word")
        super().__init__(pieces, specials)
        self._ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self._known_words = {}

    @classmethod
    def learn(cls, text, vocabulary_size, specials=()):
        """Learns merges as `learn_merges` does, until the vocabulary is full or no pair repeats.

        Args:
            text: the text to learn from, as `learn_merges` takes it.
            vocabulary_size: largest number of tokens, including special ones.
            specials: names of special tokens.

        Raises:
            UserError: the vocabulary is too small for the bytes.
        """
        least = BYTES + len(specials)
        if vocabulary_size < least:
            raise UserError(
                f"a vocabulary of {vocabulary_size} is too small for bpe: it needs at least "
                f"{least}, for {BYTES} bytes and {len(specials)} special tokens"
            )
        return cls(learn_merges(text, vocabulary_size - least), specials)

    def encode(self, text):
        """The tokens of a text, `(length,)` int32; merges are applied in the order learnt."""
        words = map(self._encode_word, cut_words(text))
        return np.fromiter(chain.from_iterable(words), "int32")

    def decode(self, tokens):
        """The text of a list or an array of tokens, without the special ones.

        Invalid UTF-8, for example if a model generates half a character, becomes U+FFFD.
        """
        return b"".join(self._ordinary(tokens)).decode("utf-8", "replace")

    def unknown_in(self, text):
        """Always empty, because it can read every text."""
        return []

    def to_json(self):
        """Everything that `load_tokenizer` needs, as JSON."""
        return json.dumps({"kind": "bpe", "specials": self.specials, "merges": self.merges})

    def _encode_word(self, word):
        if word not in self._known_words:
            tokens = list(to_bytes(word))
            while ranks := [self._ranks[pair] for pair in pairwise(tokens) if pair in self._ranks]:
                first = min(ranks)
                tokens = merge(tokens, self.merges[first], BYTES + first)
            self._known_words[word] = [len(self.specials) + token for token in tokens]
        return self._known_words[word]

    def _label(self, piece):
        try:
            return _visible(piece.decode("utf-8"))
        except UnicodeDecodeError:  # part of a character
            return "".join(f"\\x{byte:02x}" for byte in piece)


def learn_tokenizer(kind, text, vocabulary_size, specials=()):
    """Learns a tokenizer from a text.

    Args:
        kind: "char" or "bpe".
        text: the text to learn from, or pieces of it that end where a word ends.
        vocabulary_size: largest number of tokens of "bpe"; "char" has one per character.
        specials: names of special tokens.

    Raises:
        UserError: the vocabulary is too small, or the kind is unknown.
    """
    if kind == "char":
        return CharacterTokenizer.learn(text, specials)
    if kind == "bpe":
        return BytePairTokenizer.learn(text, vocabulary_size, specials)
    raise UserError(f"there is no tokenizer {kind}: use char or bpe")


def load_tokenizer(path):
    """Reads a file with the result of `to_json`.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        facts = json.loads(Path(path).read_text(encoding="utf-8"))
        specials = facts["specials"]
        if not _is_list_of(specials, str) or len(set(specials)) < len(specials):
            raise ValueError("its special tokens do not have distinct names")
        if facts["kind"] == "char":
            characters = facts["characters"]
            if not isinstance(characters, str) or characters != "".join(sorted(set(characters))):
                raise ValueError("its characters are not distinct and sorted")
            characters.encode("utf-8")  # fails for half a character
            return CharacterTokenizer(characters, specials)
        if facts["kind"] == "bpe":
            merges = facts["merges"]
            if not _is_list_of(merges, list) or not all(_is_list_of(each, int) for each in merges):
                raise ValueError("its merges are not pairs of integers")
            return BytePairTokenizer(merges, specials)
        raise ValueError(f"its kind is {facts['kind']!r}")
    except OSError as error:
        raise UserError(f"cannot read the tokenizer {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is not a tokenizer, or it is damaged: {error}") from None


def _is_list_of(values, kind):
    return isinstance(values, list) and all(type(each) is kind for each in values)


def _visible(text):
    """A text with its spaces and unprintable characters written out."""
    return "".join(
        VISIBLE.get(each) or (each if each.isprintable() else ascii(each)[1:-1]) for each in text
    )
