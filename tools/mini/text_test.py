"""text_test: the text side of ds4-mini against the reference cases and against the C program.

    /usr/bin/python3 tools/mini/text_test.py [-v]

DS4_FIXTURES   a folder with tokenizer/ and prompt/ as in tests/data, its files packed with xz or
               not; tests/data if unset
DS4_BIN        a folder with ds4 and ds4-convert; build/bin if unset
A test whose data, programs or library are absent is skipped. The last line counts as the other
test programs of this project do.
"""
import json
import lzma
import math
import os
import random
import string
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bpe  # noqa: E402
import render  # noqa: E402
from case import Case, assistant, call, system, tool, user  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(bpe.HERE))
FIXTURES = os.environ.get("DS4_FIXTURES", os.path.join(ROOT, "tests", "data"))
BIN = os.environ.get("DS4_BIN", os.path.join(ROOT, "build", "bin"))
needs_programs = unittest.skipUnless(
    all(os.access(os.path.join(BIN, name), os.X_OK) for name in ("ds4", "ds4-convert")),
    "no ds4 and ds4-convert in DS4_BIN")


def fixture_bytes(name):
    path = os.path.join(FIXTURES, name)
    if os.path.exists(path + ".xz"):
        with lzma.open(path + ".xz") as f:
            return f.read()
    if not os.path.exists(path):
        raise unittest.SkipTest(f"no {path}")
    with open(path, "rb") as f:
        return f.read()


def fixture(name):
    text = fixture_bytes(name).decode()
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in text.split("\n") if line]
    return json.loads(text)


def real_vocabulary():
    raw = fixture_bytes("tokenizer/vocab.bin")
    tokens, at = [], 0
    while at < len(raw):
        (n,) = struct.unpack_from("<H", raw, at)
        tokens.append(raw[at + 2:at + 2 + n])
        at += 2 + n
    merges = [(tokens[a], tokens[b])
              for a, b, _ in struct.iter_unpack("<3I", fixture_bytes("tokenizer/merges.bin"))]
    added = [(row["content"], row["special"]) for row in fixture("tokenizer/added_tokens.jsonl")]
    return bpe.Vocabulary(merges, added)


REAL = []


def real():
    if not REAL:
        REAL.append(real_vocabulary())
    return REAL[0]


WORDS = ("the cat sat on the mat and the dog ran to the red house; what is it? I think that is "
         "right. There are three apples in the basket, and seven more on the table.").split()


def small_cases(n, seed=1):
    """Simple conversations of every form."""
    rng, cases = random.Random(seed), []
    for i in range(n):
        thinking = bool(i & 1)
        say = lambda k: " ".join(rng.choice(WORDS) for _ in range(k))  # noqa: E731
        why = (lambda: say(4)) if thinking else (lambda: "")
        if i % 3:
            cases.append(Case(str(i), [user(say(6)), assistant(say(3), why())], thinking=thinking))
            continue
        tools = [{"name": "look_up", "description": say(4), "parameters": {
            "type": "object", "properties": {"word": {"type": "string"}}}}]
        cases.append(Case(str(i), [
            system(say(3)), user(say(5)),
            assistant("", why(), [call("look_up", {"word": say(1), "n": rng.randint(1, 99)})]),
            tool(say(3)), assistant(say(4), why())], tools, thinking=thinking, joinable=False))
    return cases


def random_text(rng):
    """Anything, more often what the rules of splitting speak of."""
    alphabets = [string.ascii_letters, string.digits, string.punctuation, " \t\n\r", " \n",
                 "\x00\x01\x1c\x1f\x7f\x85\xa0\v\f", "äßéÖñ", "日本語の漢字カナ", "٣४२½", "\u0301\u0308",
                 "\u2003\u3000\u2028", "😀👍🏽", "｜▁", "".join(WORDS)]
    return "".join("".join(rng.choice(rng.choice(alphabets[:4]) if rng.random() < .5 else a)
                           for _ in range(rng.randint(1, 5)))
                   for a in (rng.choice(alphabets) for _ in range(rng.randint(1, 12))))


class Splitting(unittest.TestCase):
    def test_simple_text_is_split_as_by_the_three_passes(self):
        rng = random.Random(3)
        letters = string.ascii_letters[:6] + string.digits[:4] + "  \t\n\r\v\f  .,-_{}'\"\\]^`<"
        for _ in range(20000):
            text = "".join(rng.choice(letters) for _ in range(rng.randint(0, 12)))
            self.assertEqual(bpe.split(text), bpe.split_any(text), repr(text))

    def test_pieces_make_up_the_text(self):
        rng = random.Random(4)
        for _ in range(3000):
            text = random_text(rng)
            self.assertEqual("".join(bpe.split(text)), text)


class Learning(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.vocab = render.learn(small_cases(300), 200)

    def test_learning_twice_gives_the_same(self):
        counts = bpe.count_pieces(["low lower lowest newer wider"] * 5 + ["wider low"])
        again = dict(reversed(list(counts.items())))
        self.assertEqual(bpe.train(counts, 50), bpe.train(again, 50))
        self.assertEqual(render.learn(small_cases(300), 200).merges, self.vocab.merges)

    def test_the_most_frequent_pair_is_merged_first_and_equal_ones_by_bytes(self):
        self.assertEqual(bpe.train({"ab": 3, "cd": 5}, 2), [(b"c", b"d"), (b"a", b"b")])
        self.assertEqual(bpe.train({"cd": 3, "ab": 3}, 2), [(b"a", b"b"), (b"c", b"d")])
        self.assertEqual(bpe.train({"aaaa": 9, "b": 100}, 9), [(b"a", b"a"), (b"aa", b"aa")])
        self.assertEqual(bpe.train({"ab": 1}, 9), [])

    def test_merges_follow_the_slow_and_plain_way(self):
        counts = bpe.count_pieces(" ".join(random.Random(9).choices(WORDS, k=800)).split("."))
        words = {tuple(bytes([b]) for b in p.encode()): n for p, n in counts.items()}
        merges = []
        while len(merges) < 60:
            pairs = {}
            for word, n in words.items():
                for pair in zip(word, word[1:]):
                    pairs[pair] = pairs.get(pair, 0) + n
            made = {a + b for a, b in merges}
            pair = min((p for p in pairs if len(p[0] + p[1]) <= 16 and p[0] + p[1] not in made
                        and pairs[p] >= 2), key=lambda p: (-pairs[p], p))
            merges.append(pair)
            words = {tuple(bpe.join_pair(w, *pair, pair[0] + pair[1])): n
                     for w, n in words.items()}
        self.assertEqual(bpe.train(counts, 60), merges)

    def test_no_two_merges_make_the_same_bytes(self):
        rng = random.Random(11)
        counts = {"".join(rng.choices("ab", k=rng.randint(2, 30))): rng.randint(1, 50)
                  for _ in range(2000)}
        merges = bpe.train(counts, 1000)
        self.assertEqual(len(merges), 1000)
        self.assertEqual(len({a + b for a, b in merges}), 1000)

    def test_digits_are_in_no_merge_and_no_merge_is_long(self):
        counts = bpe.count_pieces(["12 123 1234 a1 1a ١٢٣", "antidisestablishmentarianism"] * 50)
        for left, right in bpe.train(counts, 1000):
            self.assertFalse(any(chr(b).isdigit() for b in left + right))
            self.assertNotIn("١".encode()[:1], left + right)
            self.assertLessEqual(len(left + right), 16)
        ids = self.vocab.encode("2026 is 1,234")
        for digit in "2026" "1234":
            self.assertIn(self.vocab.encode(digit)[0], ids)
        self.assertEqual(len(self.vocab.encode("20260101")), 8)

    def test_the_layout_is_the_official_one(self):
        v = self.vocab
        self.assertEqual(v.encode("! \n"), [3, 223, 201])
        self.assertEqual((v.added[render.BOS], v.added[render.EOS]), (bpe.BOS, bpe.EOS))
        self.assertEqual(len(v) % 64, 0)
        self.assertEqual(v.tokens[259], b"".join(v.merges[0]))
        self.assertEqual(min(i for i in v.added.values() if i > 2), 259 + len(v.merges))
        self.assertEqual(sorted(v.added.values())[-1], len(v) - 1)

    def test_all_text_comes_back(self):
        rng = random.Random(5)
        for _ in range(2000):
            text = random_text(rng)
            self.assertEqual(self.vocab.decode(self.vocab.encode(text)), text)

    def test_plain_text_never_becomes_an_added_token(self):
        for text, token in self.vocab.added.items():
            self.assertTrue(all(3 <= i < 259 + len(self.vocab.merges)
                                for i in self.vocab.encode("a" + text)))
            self.assertEqual(self.vocab.encode_with_added(text), [token])

    def test_a_saved_vocabulary_is_loaded_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            self.vocab.save(folder)
            again = bpe.Vocabulary.load(os.path.join(folder, "tokenizer.json"))
        self.assertEqual(again.tokens, self.vocab.tokens)
        self.assertEqual((again.added, again.special), (self.vocab.added, self.vocab.special))
        text = " ".join(WORDS)
        self.assertEqual(again.encode(text), self.vocab.encode(text))

    def test_the_tokenizers_library_gives_the_same_ids(self):
        try:
            from tokenizers import Tokenizer
        except ImportError:
            self.skipTest("no tokenizers library")
        rng = random.Random(6)
        with tempfile.TemporaryDirectory() as folder:
            self.vocab.save(folder)
            theirs = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        for _ in range(3000):
            text = random_text(rng) + rng.choice(["", "<think>", render.EOS, "</dsml:"])
            ids = self.vocab.encode_with_added(text)
            self.assertEqual(theirs.encode(text).ids, ids, repr(text))
            self.assertEqual(theirs.decode(ids, skip_special_tokens=False), self.vocab.decode(ids))


class OfficialTokens(unittest.TestCase):
    def test_all_cases_have_the_reference_ids(self):
        for case in fixture("tokenizer/cases.jsonl"):
            with self.subTest(case["text"]):
                self.assertEqual(real().encode_with_added(case["text"]), case["ids"])
                plain = case.get("ids_plain", case["ids"])
                self.assertEqual(real().encode(case["text"]), plain)
                self.assertEqual(real().decode(plain), case["text"])

    def test_the_list_of_added_tokens_is_the_official_one_without_numbered_ones(self):
        rows = [(r["content"], r["special"]) for r in fixture("tokenizer/added_tokens.jsonl")
                if "▁holder▁no▁" not in r["content"] and "mm_span" not in r["content"]]
        self.assertEqual(bpe.added_tokens(), rows)


def sort_results(messages):
    """Puts tool results in a row into the order of their calls, as our cases have them."""
    out, places, begin = [], {}, None
    for m in messages + [{"role": ""}]:
        if m["role"] == "tool":
            begin = len(out) if begin is None else begin
        elif begin is not None:
            out[begin:] = sorted(out[begin:], key=lambda t: places.get(t["tool_call_id"], 0))
            begin = None
        if m.get("tool_calls"):
            places = {c.get("id"): i for i, c in enumerate(m["tool_calls"])}
        out.append(m)
    return out[:-1]


def as_ours(messages):
    """Messages of a reference case as ours and its tools, or None if it has what we do not."""
    out, tools, rows = [], [], 0
    for i, m in enumerate(sort_results(messages)):
        if m["role"] not in ("system", "user", "assistant", "tool"):
            return None
        if any(m.get(k) for k in ("task", "wo_eos", "response_format")) or (m.get("tools") and i):
            return None
        content = m.get("content") or ""
        if not isinstance(content, str):
            return None
        ours = {"role": m["role"], "content": content}
        tools += [t["function"] for t in m.get("tools") or []]
        if m["role"] == "assistant":
            rows = 0
            try:
                calls = [call(c["function"]["name"], json.loads(c["function"]["arguments"]))
                         for c in m.get("tool_calls") or []]
            except ValueError:
                return None
            ours.update(reasoning=m.get("reasoning_content") or "", calls=calls)
        if m["role"] == "tool" and out[-1]["role"] != "tool":
            rows += 1
            if rows > 1:
                return None  # a question between the results of one turn
        out.append(ours)
    return out, tools


def as_request(case):
    """A case of ours in the form of the reference cases."""
    messages = []
    for m in case.messages:
        theirs = {"role": m["role"], "content": m["content"]}
        if m.get("reasoning"):
            theirs["reasoning_content"] = m["reasoning"]
        if m.get("calls"):
            theirs["tool_calls"] = [
                {"type": "function", "function": {
                    "name": c["name"], "arguments": json.dumps(c["arguments"])}}
                for c in m["calls"]]
        messages.append(theirs)
    if case.tools:
        if messages[0]["role"] != "system":
            messages.insert(0, {"role": "system", "content": ""})
        messages[0]["tools"] = [{"type": "function", "function": t} for t in case.tools]
    return {"messages": messages, "args": {
        "thinking_mode": "thinking" if case.thinking else "chat", "drop_thinking": True,
        "reasoning_effort": None, "add_default_bos_token": True}}


def effort_text():
    """What the reference puts before the first message at the highest effort."""
    for case in fixture("prompt/encode.json"):
        args = case["args"]
        if args["thinking_mode"] == "thinking" and args["reasoning_effort"] == "max" \
                and args["add_default_bos_token"] and case["messages"][0]["role"] == "user":
            return case["expected"].split(render.USER)[0][len(render.BOS):]
    raise AssertionError("no such case")


class OfficialPrompts(unittest.TestCase):
    def test_the_templates_are_the_official_ones(self):
        official = fixture("prompt/templates.json")
        self.assertEqual(render.TEMPLATES, {k: official[k] for k in render.TEMPLATES})

    def test_all_prompts_of_our_forms_are_the_reference_bytes_and_ids(self):
        seen = {"text": 0, "ids": 0, "thinking": 0, "tools": 0, "calls": 0}
        maximum = effort_text()
        for case in fixture("prompt/encode.json") + fixture("prompt/official_encode.json"):
            args, ours = case["args"], as_ours(case["messages"])
            thinking = args["thinking_mode"] == "thinking"
            if not ours or not args["add_default_bos_token"]:
                continue
            messages, tools = ours
            if thinking and not args["drop_thinking"] and not tools:
                continue
            with self.subTest(case["name"]):
                prefix = maximum if args["reasoning_effort"] == "max" else ""
                p = render.prompt(messages, tools, thinking, prefix)
                self.assertEqual(p.text(), case["expected"])
                seen["text"] += 1
                seen["thinking"] += thinking
                seen["tools"] += bool(tools)
                seen["calls"] += any(m.get("calls") for m in messages)
                if not any(a in s for s, trusted, _ in p.segments if not trusted
                           for a in ("｜", "think>", "dsml:", "<|")):
                    self.assertEqual(p.ids(real())[0],
                                     real().encode_with_added(case["expected"]))
                    seen["ids"] += 1
        for what, least in (("text", 30), ("ids", 25), ("thinking", 15), ("tools", 10),
                            ("calls", 8)):
            self.assertGreaterEqual(seen[what], least, seen)


class Rendering(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.vocab = render.learn(small_cases(300), 200)

    def produced(self, case):
        """The text of each stretch that has weight 1."""
        ids, weights = render.render(case, self.vocab)
        self.assertEqual(len(ids), len(weights))
        self.assertEqual(self.vocab.decode(ids), render.text(case))
        stretches, before = [], 0
        for token, weight in zip(ids, weights):
            if weight and not before:
                stretches.append([])
            if weight:
                stretches[-1].append(token)
            before = weight
        return [self.vocab.decode(s) for s in stretches]

    def test_what_the_assistant_writes_has_weight_one_and_nothing_else(self):
        chat = Case("k", [user("hi"), assistant("hello"), user("bye"), assistant("so long")])
        self.assertEqual(self.produced(chat), ["hello" + render.EOS, "so long" + render.EOS])
        messages = [user("hi"), assistant("hello", "a greeting"),
                    user("bye"), assistant("so long", "they go")]
        thinks = Case("k", messages, thinking=True)
        self.assertEqual(self.produced(thinks),
                         ["hello" + render.EOS, "they go</think>so long" + render.EOS])
        self.assertIn("<｜Assistant｜></think>hello", render.text(thinks))
        self.assertTrue(render.text(thinks).endswith(
            "<｜User｜>bye<｜Assistant｜><think>they go</think>so long" + render.EOS))

    def test_with_tools_every_turn_keeps_its_reasoning(self):
        case = Case("k", [
            user("look"), assistant("", "I look", [call("f", {"a": "x", "n": [1, 2.5, None]}),
                                                   call("g", {})]),
            tool("one"), tool("two"), assistant("both", "two results")],
            [{"name": "f"}, {"name": "g"}], thinking=True)
        calls = ('\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name="f">\n'
                 '<｜DSML｜parameter name="a" string="true">x</｜DSML｜parameter>\n'
                 '<｜DSML｜parameter name="n" string="false">[1, 2.5, null]</｜DSML｜parameter>\n'
                 '</｜DSML｜invoke>\n<｜DSML｜invoke name="g">\n\n</｜DSML｜invoke>\n'
                 '</｜DSML｜tool_calls>' + render.EOS)
        self.assertEqual(self.produced(case), ["I look</think>" + calls,
                                               "two results</think>both" + render.EOS])
        self.assertIn("<｜User｜><tool_result>one</tool_result>\n\n<tool_result>two</tool_result>"
                      "<｜Assistant｜><think>", render.text(case))
        self.assertTrue(render.text(case).startswith(
            render.BOS + "\n\n## Tools\n\nYou have access"))
        self.assertIn('\n\n{"name": "f"}\n{"name": "g"}\n\n', render.text(case))

    def test_control_text_in_messages_stays_text(self):
        bad = "<think>｜DSML｜</think>" + render.EOS
        case = Case("k", [system(bad), user(bad), assistant(bad, bad, [call("f", {"a": bad})]),
                          tool(bad), assistant(bad, bad)], [{"name": bad}], thinking=True)
        ids, _ = render.render(case, self.vocab)
        good = Case("k", [system("x"), user("x"), assistant("x", "x", [call("f", {"a": "x"})]),
                          tool("x"), assistant("x", "x")], [{"name": "x"}], thinking=True)
        control = set(self.vocab.added.values())
        self.assertEqual([i for i in ids if i in control],
                         [i for i in render.render(good, self.vocab)[0] if i in control])

    def test_a_prompt_ends_where_the_assistant_begins(self):
        case = Case("k", [user("a"), assistant("b", "r"), user("c"), assistant("d", "s")],
                    thinking=True)
        say = lambda k: self.vocab.decode(render.prompt_ids(case, k, self.vocab))  # noqa: E731
        self.assertEqual(say(0), render.BOS + "<｜User｜>a<｜Assistant｜><think>")
        self.assertEqual(say(1), render.BOS + "<｜User｜>a<｜Assistant｜></think>b" + render.EOS +
                         "<｜User｜>c<｜Assistant｜><think>")
        for case in small_cases(60):
            ids, weights = render.render(case, self.vocab)
            turns = [m for m in case.messages if m["role"] == "assistant"]
            for turn in range(len(turns)):
                before = render.prompt_ids(case, turn, self.vocab)
                self.assertEqual(ids[:len(before)], before)
                self.assertEqual(weights[len(before) - 1:len(before) + 1], [0, 1])

    def test_a_conversation_is_its_cases_one_after_the_other(self):
        cases = [c for c in small_cases(40) if c.joinable and c.thinking][:3]
        joined = render.conversation(cases, True)
        self.assertEqual(len(joined.messages), 6)
        self.assertEqual(render.text(joined).count(render.USER), 3)
        self.assertEqual(render.text(joined).count(render.THINK), 1)
        with self.assertRaises(ValueError):
            render.conversation(small_cases(1), False)


# One window-only layer: as small as a checkpoint can be that the converter takes.
TINY = {
    "model_type": "deepseek_v4", "hidden_size": 32, "head_dim": 16, "num_attention_heads": 2,
    "q_lora_rank": 32, "o_groups": 1, "o_lora_rank": 32, "qk_rope_head_dim": 8,
    "num_hidden_layers": 1, "num_hash_layers": 0, "num_nextn_predict_layers": 0, "hc_mult": 2,
    "hc_sinkhorn_iters": 2, "index_n_heads": 2, "index_head_dim": 32, "index_topk": 8,
    "n_routed_experts": 2, "norm_topk_prob": True, "num_experts_per_tok": 1,
    "n_shared_experts": 1, "sliding_window": 16, "moe_intermediate_size": 32,
    "max_position_embeddings": 256, "compress_ratios": [0],
    "routed_scaling_factor": 1.5, "swiglu_limit": 10.0, "rms_norm_eps": 1e-6, "hc_eps": 1e-6,
    "rope_theta": 10000, "compress_rope_theta": 160000, "rope_scaling": {
        "type": "yarn", "factor": 16.0, "beta_fast": 32, "beta_slow": 1,
        "original_max_position_embeddings": 64}}


def tiny_tensors(n_vocab):
    """name -> shape"""
    d, md, mix = 32, 64, 8
    block = {"hc_attn_fn": (mix, md), "hc_attn_base": (mix,), "hc_attn_scale": (3,),
             "hc_ffn_fn": (mix, md), "hc_ffn_base": (mix,), "hc_ffn_scale": (3,),
             "attn_norm.weight": (d,), "attn.attn_sink": (2,), "attn.wq_a.weight": (32, d),
             "attn.q_norm.weight": (32,), "attn.wq_b.weight": (32, 32),
             "attn.wkv.weight": (16, d), "attn.kv_norm.weight": (16,),
             "attn.wo_a.weight": (32, 32), "attn.wo_b.weight": (d, 32),
             "ffn_norm.weight": (d,), "ffn.gate.weight": (2, d), "ffn.gate.bias": (2,)}
    for expert in ("experts.0", "experts.1", "shared_experts"):
        block.update({f"ffn.{expert}.w{k}.weight": (32, d) for k in (1, 2, 3)})
    return {"embed.weight": (n_vocab, d), "norm.weight": (d,), "head.weight": (n_vocab, d),
            "hc_head_fn": (2, md), "hc_head_base": (2,), "hc_head_scale": (1,),
            **{f"layers.0.{name}": shape for name, shape in block.items()}}


def convert(vocab, folder, out):
    """Runs ds4-convert on a checkpoint of zeros with this vocabulary."""
    vocab.save(folder)
    head, at = {}, 0
    for name, shape in tiny_tensors(len(vocab)).items():
        n = 4 * math.prod(shape)
        head[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + n]}
        at += n
    text = json.dumps(head).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + bytes(at))
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump({**TINY, "vocab_size": len(vocab)}, f)
    return subprocess.run([os.path.join(BIN, "ds4-convert"), folder, "-o", out],
                          capture_output=True, text=True, check=False, timeout=120)


@needs_programs
class Programs(unittest.TestCase):
    """The engine reads our tokenizer.json and gives the same ids and prompts."""

    @classmethod
    def setUpClass(cls):
        cls.vocab = render.learn(small_cases(300), 200)
        cls.folder = tempfile.TemporaryDirectory()
        cls.model = os.path.join(cls.folder.name, "model.gguf")
        cls.converted = convert(cls.vocab, cls.folder.name, cls.model)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def ask(self, *args, lines):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        done = subprocess.run([os.path.join(BIN, "ds4"), *args, "-"], input=text, text=True,
                              capture_output=True, check=False, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.split("\n") if line]

    def test_tokens_are_the_engines(self):
        self.assertEqual(self.converted.returncode, 0, self.converted.stderr)
        rng = random.Random(8)
        lines = [{"text": random_text(rng) + rng.choice(["", "<think>", "x</dsml:"]),
                  "special": rng.random() < .5} for _ in range(3000)]
        answers = self.ask("-m", self.model, "--vocab-only", "--tokenize-lines", lines=lines)
        self.assertEqual(len(answers), len(lines))
        for line, answer in zip(lines, answers):
            ours = (self.vocab.encode_with_added if line["special"] else self.vocab.encode)
            self.assertEqual(answer, ours(line["text"]), line)

    def test_prompts_are_the_engines(self):
        cases = small_cases(200)
        cases.append(render.conversation([c for c in cases if c.joinable][:4], True))
        texts = self.ask("--render-lines", lines=[as_request(case) for case in cases])
        self.assertEqual(texts, [render.text(case) for case in cases])


def main():
    tests = unittest.main(exit=False).result
    for _, why in tests.skipped:
        print(f"skipped: {why}")
    failed = len({getattr(test, "test_case", test).id()
                  for test, _ in tests.failures + tests.errors})
    skipped = len(tests.skipped)
    print(f"{tests.testsRun - failed - skipped} passed, {failed} failed, {skipped} skipped")
    sys.exit(failed > 0 or tests.testsRun == 0)


if __name__ == "__main__":
    main()
