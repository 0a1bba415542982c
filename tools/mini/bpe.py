"""bpe: the vocabulary of ds4-mini: learning it, text to ids and back, tokenizer.json.

The same tokeniser as the large model's, with fewer merges:

    text --split--> pieces --UTF-8--> bytes --merges--> ids

    id 0 1 2            BOS, EOS, padding
    id 3 ..258          the 256 bytes, the printable ones first
    id 259 + r          what merge r makes
    id 259 + merges..   the other added tokens, then unused ones up to a multiple of 64

I1  Merges never cross the border of a piece, and digits are in no merge: each is one token.
I2  No two merges make the same bytes: as long as nothing is merged across the ends of a stretch of
    bytes, what happens inside it is the same wherever it stands.
I3  encode() never gives an added token, whatever the text; encode_with_added() is for text that
    the program itself wrote.
"""
import heapq
import json
import os
import re
from collections import Counter, defaultdict

import regex

HERE = os.path.dirname(os.path.abspath(__file__))
BOS, EOS, PAD = 0, 1, 2
FIRST_BYTE, FIRST_MERGE = 3, 259
ALIGN = 64        # the number of tokens is a multiple of this
LONGEST = 16      # bytes of a merge
CACHED = 1 << 19  # pieces remembered at most

# ---- splitting

DIGITS = r"\p{N}{1,3}"
IDEOGRAPHS = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
WORDS = (r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"""
         r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
         r"| ?[\p{P}\p{S}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")
PASSES = [regex.compile(p.replace(r"\s", r"\p{White_Space}").replace(r"\S", r"\P{White_Space}"))
          for p in (DIGITS, IDEOGRAPHS, WORDS)]

# The three passes at once, for text of printable ASCII and ASCII white space.
MARK = r"[!-/:-@\[-`{-~]"
SIMPLE = re.compile(r"[\t-\r -~]*")
SIMPLE_PIECES = re.compile(
    rf"[0-9]{{1,3}}|{MARK}[A-Za-z]+|[\t\v\f ]?[A-Za-z]+| ?{MARK}+[\r\n]*"
    r"|[\t-\r ]*[\r\n]+|[\t-\r ]+(?![!-/:-~])|[\t-\r ]+")


def isolate(pattern, text):
    """The matches of a pattern and what is between them, in order."""
    pieces, at = [], 0
    for match in pattern.finditer(text):
        if match.start() > at:
            pieces.append(text[at:match.start()])
        pieces.append(match.group())
        at = match.end()
    if at < len(text):
        pieces.append(text[at:])
    return pieces


def split(text):
    """The pieces of a text; merges stay inside them."""
    if SIMPLE.fullmatch(text):
        return SIMPLE_PIECES.findall(text)
    return split_any(text)


def split_any(text):
    pieces = [text] if text else []
    for pattern in PASSES:
        pieces = [part for piece in pieces for part in isolate(pattern, piece)]
    return pieces


# ---- learning

def count_pieces(texts):
    counts = Counter()
    for text in texts:
        counts.update(split(text))
    return counts


class Learner:
    """Words as lists of symbols, and for each pair of neighbours how often and where it stands."""

    def __init__(self, counts):
        self.texts = [bytes([b]) for b in range(256)]
        self.words, self.weights = [], []
        self.count, self.where = Counter(), defaultdict(set)
        for piece in sorted(counts):
            data = piece.encode()
            if len(data) > 1 and not regex.search(r"\p{N}", piece):
                self.words.append(list(data))
                self.weights.append(counts[piece])
        for i, word in enumerate(self.words):
            for pair in zip(word, word[1:]):
                self.count[pair] += self.weights[i]
                self.where[pair].add(i)
        self.heap = [self.entry(pair) for pair in self.count]
        heapq.heapify(self.heap)

    def entry(self, pair):
        return (-self.count[pair], self.texts[pair[0]], self.texts[pair[1]], pair)

    def most_frequent(self):
        """The most frequent pair that may become a token; equal ones by their bytes."""
        while self.heap:
            negative, left, right, pair = heapq.heappop(self.heap)
            now = self.count[pair]
            if now < 2 or len(left) + len(right) > LONGEST:
                continue
            if now == -negative:
                return pair
            heapq.heappush(self.heap, self.entry(pair))  # it was more frequent once
        return None

    def merge(self, pair):
        a, b = pair
        made = len(self.texts)
        self.texts.append(self.texts[a] + self.texts[b])
        grown = set()
        for i in self.where.pop(pair):
            word, weight = self.words[i], self.weights[i]
            for old in zip(word, word[1:]):
                self.count[old] -= weight
            word = self.words[i] = join_pair(word, a, b, made)
            for new in zip(word, word[1:]):
                self.count[new] += weight
                if made in new:
                    self.where[new].add(i)
                    grown.add(new)
        for new in grown:
            heapq.heappush(self.heap, self.entry(new))


def join_pair(word, a, b, made):
    out, i, last = [], 0, len(word) - 1
    while i <= last:
        if i < last and word[i] == a and word[i + 1] == b:
            out.append(made)
            i += 2
        else:
            out.append(word[i])
            i += 1
    return out


def train(counts_of_pieces, merges_wanted):
    """The merges, (left bytes, right bytes) each, learnt from {piece: how often}; fewer than
    wanted if nothing is left to merge."""
    learner = Learner(counts_of_pieces)
    merges = []
    while len(merges) < merges_wanted:
        pair = learner.most_frequent()
        if pair is None:
            break
        left, right = (learner.texts[symbol] for symbol in pair)
        merges.append((left, right))  # of new bytes: see I2
        learner.merge(pair)
    return merges


# ---- the vocabulary

def byte_order():
    """The bytes in the order of their ids: those that print first."""
    printing = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return printing + [b for b in range(256) if b not in printing]


BYTE_ORDER = byte_order()
LETTER_OF = {b: chr(b) if k < 188 else chr(256 + k - 188) for k, b in enumerate(BYTE_ORDER)}
BYTE_OF = {letter: b for b, letter in LETTER_OF.items()}


def to_letters(data):
    """Bytes as files spell them: one letter each."""
    return "".join(map(LETTER_OF.__getitem__, data))


def from_letters(text):
    return bytes(map(BYTE_OF.__getitem__, text))


def added_tokens():
    """The added tokens by name, (text, special) each."""
    with open(os.path.join(HERE, "added_tokens.json"), encoding="utf-8") as f:
        return [tuple(pair) for pair in json.load(f)]


class Vocabulary:
    def __init__(self, merges, added=None):
        """`added`: (text, special) of all added tokens, the first three of them BOS, EOS and
        padding; without it those of added_tokens.json and unused ones to fill up."""
        if added is None:
            added = added_tokens()
            n_unused = -(FIRST_MERGE - 3 + len(merges) + len(added)) % ALIGN
            added += [(f"<|unused_{k}|>", True) for k in range(n_unused)]
        self.merges = list(merges)
        self.tokens = [text.encode() for text, _ in added[:3]]
        self.tokens += [bytes([b]) for b in BYTE_ORDER]
        self.byte_id = [0] * 256
        for k, b in enumerate(BYTE_ORDER):
            self.byte_id[b] = FIRST_BYTE + k
        self._take_merges()
        self.added = {}
        self.special = set()
        for k, (text, special) in enumerate(added):
            token = k if k < 3 else len(self.tokens)
            if k >= 3:
                self.tokens.append(text.encode())
            self.added[text] = token
            if special:
                self.special.add(token)
        longest_first = sorted(self.added, key=len, reverse=True)
        self._added_pattern = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")
        self._ids = {}    # piece -> ids
        self._parts = {}  # text of the program itself -> plain texts and ids of added tokens

    def _take_merges(self):
        ids = {token: i for i, token in enumerate(self.tokens) if i >= FIRST_BYTE}
        self._merged = {}
        for left, right in self.merges:
            if left + right in ids:
                raise ValueError(f"two merges make {left + right!r}")
            self._merged[ids[left], ids[right]] = ids[left + right] = len(self.tokens)
            self.tokens.append(left + right)

    def __len__(self):
        return len(self.tokens)

    def _merge(self, piece):
        ids = [self.byte_id[b] for b in piece.encode()]
        get = self._merged.get
        while len(ids) > 1:
            lowest = min((get(pair, len(self.tokens)), pair) for pair in zip(ids, ids[1:]))
            made, (a, b) = lowest
            if made == len(self.tokens):
                break
            ids = join_pair(ids, a, b, made)
        if len(self._ids) >= CACHED:
            self._ids.clear()
        self._ids[piece] = ids
        return ids

    def encode(self, text):
        """The ids of a text as a list; never an added token."""
        out = []
        get = self._ids.get
        for piece in split(text):
            out += get(piece) or self._merge(piece)
        return out

    def parts(self, text):
        """A text of the program itself as a list of plain texts and ids of added tokens."""
        found = self._parts.get(text)
        if found is None:
            found = [self.added.get(part, part)
                     for part in self._added_pattern.split(text) if part]
            if len(self._parts) < 1000:
                self._parts[text] = found
        return found

    def encode_with_added(self, text):
        """The ids of a text in which the added tokens mean themselves."""
        out = []
        for part in self.parts(text):
            if isinstance(part, int):
                out.append(part)
            else:
                out += self.encode(part)
        return out

    def decode(self, ids):
        return b"".join(map(self.tokens.__getitem__, ids)).decode("utf-8", "replace")

    # ---- files

    def save(self, folder):
        """Writes tokenizer.json and tokenizer_config.json."""
        os.makedirs(folder, exist_ok=True)
        name = {token: text for text, token in self.added.items()}
        for file, content in (("tokenizer.json", self._as_json()), ("tokenizer_config.json", {
                "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": name[BOS],
                "eos_token": name[EOS], "pad_token": name[PAD], "unk_token": None,
                "add_bos_token": False, "add_eos_token": False, "add_prefix_space": False,
                "clean_up_tokenization_spaces": False, "model_max_length": 65536})):
            with open(os.path.join(folder, file), "w", encoding="utf-8") as f:
                json.dump(content, f, ensure_ascii=False, indent=1)
                f.write("\n")

    def _as_json(self):
        words = {text: token for text, token in self.added.items() if token < FIRST_BYTE}
        for token in range(FIRST_BYTE, FIRST_MERGE + len(self.merges)):
            words[to_letters(self.tokens[token])] = token
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                      "use_regex": False}
        cuts = [{"type": "Split", "pattern": {"Regex": p}, "behavior": "Isolated",
                 "invert": False} for p in (DIGITS, IDEOGRAPHS, WORDS)]
        return {
            "version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [
                {"id": token, "content": text, "single_word": False, "lstrip": False,
                 "rstrip": False, "normalized": False, "special": token in self.special}
                for text, token in self.added.items()],
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": cuts + [byte_level]},
            "post_processor": None,
            "decoder": byte_level,
            "model": {
                "type": "BPE", "dropout": None, "unk_token": None,
                "continuing_subword_prefix": None, "end_of_word_suffix": None,
                "fuse_unk": False, "byte_fallback": False, "vocab": words,
                "merges": [f"{to_letters(a)} {to_letters(b)}" for a, b in self.merges]}}

    @classmethod
    def load(cls, path):
        """From tokenizer.json or the folder that holds it."""
        if os.path.isdir(path):
            path = os.path.join(path, "tokenizer.json")
        with open(path, encoding="utf-8") as f:
            content = json.load(f)
        merges = [tuple(from_letters(part) for part in merge.split(" "))
                  for merge in content["model"]["merges"]]
        rows = sorted(content["added_tokens"], key=lambda row: row["id"])
        self = cls(merges, [(row["content"], row["special"]) for row in rows])
        if [row["id"] for row in rows] != sorted(self.added.values()):
            raise ValueError(f"{path}: the ids of its added tokens leave holes")
        return self
