"""Each named schema, on small files of exactly its columns; list columns as numpy arrays too."""

import io
import json
import random

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attrs import evolve
from PIL import Image as Pillow

from parrot.adapters.datasets.reading import check_pairs, pairs_in, read_pairs
from parrot.adapters.datasets.schemas import SCHEMAS, mirrors, schema_named
from parrot.core.errors import RecordError
from parrot.core.values import Both, Label, PreferencePair, Unloadable, Votes


def png(shade):
    out = io.BytesIO()
    Pillow.new("RGB", (2, 2), (shade % 256, shade // 256 % 256, 7)).save(out, "PNG")
    return out.getvalue()


GOOD, WORSE, SOURCE = png(1), png(2), png(3)


def struct(data):
    return {"bytes": data, "path": None}


def mmrb2(n, chosen="A", ratings=(6, 6, 4), sources=()):
    return {
        "pair_id": f"t2i_{n}",
        "prompt_text": "a cat on a mat",
        "prompt_images": [struct(s) for s in sources],
        "response_a_text": "<image_1>",
        "response_a_images": [struct(GOOD)],
        "response_b_text": "<image_1>",
        "response_b_images": [struct(WORSE)],
        "chosen": chosen,
        "prompt_source": "wise",
        "response_a_model": "m1",
        "response_b_model": "m2",
        "human_annotations": json.dumps(list(ratings)),
        "prompt_metadata": "{}",
    }


def mmrb2_json(n, chosen="A"):
    return {
        "id": f"edit_{n}",
        "prompt_content": [["image", "s.png"], ["text", "add a hat"]],
        "response_a": {"model_name": "m1", "response_content": [["image", "good.png"]]},
        "response_b": {"model_name": "m2", "response_content": [["image", "worse.png"]]},
        "chosen": chosen,
        "human_annotations": [1, 4, 1],
        "prompt_source": "emu-edit",
        "prompt_metadata": {"id": n},
    }


def generation(vote="leftvote"):
    return {
        "prompt": "a cute dog",
        "left_model": "m1",
        "left_image": struct(GOOD),
        "right_model": "m2",
        "right_image": struct(WORSE),
        "vote_type": vote,
    }


def edition(vote="leftvote"):
    return {
        "source_prompt": "a taxi",
        "target_prompt": "a taxi and sheep",
        "instruct_prompt": "let sheep block the taxi",
        "source_image": struct(SOURCE),
        "left_output_image": struct(GOOD),
        "right_output_image": struct(WORSE),
        "left_model": "m1",
        "right_model": "m2",
        "vote_type": vote,
    }


def bench(n, ranking="A>B", group="2pair", compared="AvsB"):
    return {
        "id": f"{n}_x",
        "instruction": "make it blue",
        "dataset": group,
        "comparison_type": compared,
        "ranking": ranking,
        "source_image": struct(SOURCE),
        "candidate_1": struct(GOOD),
        "candidate_2": struct(WORSE),
        "model_1": "m1",
        "model_2": "m2",
        "score_1": 6.0,
        "score_2": 4.0,
        "overall_score_1": 6.0,
        "overall_score_2": 4.0,
        "instruction_following_1": 3.0,
        "instruction_following_2": 3.0,
        "visual_quality_1": 3.0,
        "visual_quality_2": 1.0,
    }


def edit_data(tie=False):
    return {
        "prompt": "make the donut an apple",
        "choice_dist": None,
        "confidence": None,
        "path_src": "s.png",
        "path1": "good.png",
        "path2": "worse.png",
        "model1": "m1",
        "model2": "m2",
        "model1_dim1_score": 4,
        "model1_dim2_score": 3,
        "model1_overall_score": 7,
        "model2_dim1_score": 3,
        "model2_dim2_score": 3,
        "model2_overall_score": 6,
        "tie_case": tie,
    }


def hpd(n, **changes):
    whole = {
        "prompt": f"prompt {n}",
        "choice_dist": [12, 7],
        "confidence": 0.75,
        "path1": "good.png",
        "path2": "worse.png",
        "model1": "m1",
        "model2": "m2",
    }
    return whole | changes


def pick(n, labels=(1.0, 0.0), **changes):
    whole = {
        "are_different": True,
        "best_image_uid": "u0",
        "caption": "a fox",
        "created_at": "2023-01-01",
        "has_label": True,
        "image_0_uid": f"aaaaaaaa-{n}",
        "image_0_url": "https://example.org/0",
        "image_1_uid": f"bbbbbbbb-{n}",
        "image_1_url": "https://example.org/1",
        "jpg_0": GOOD,
        "jpg_1": WORSE,
        "label_0": labels[0],
        "label_1": labels[1],
        "model_0": "m1",
        "model_1": "m2",
        "ranking_id": n,
        "user_id": 1,
        "num_example_per_prompt": 1,
        "__index_level_0__": n,
    }
    return whole | changes


def ranked(prompt_id, rank, shade, alignment=5, fidelity=5):
    return {
        "image": struct(png(shade)),
        "image_id": f"{prompt_id}-{shade}",
        "prompt_id": prompt_id,
        "prompt": f"prompt {prompt_id}",
        "classification": "Animals",
        "image_amount_in_total": 3,
        "rank": rank,
        "overall_rating": 8 - rank,
        "image_text_alignment_rating": alignment,
        "fidelity_rating": fidelity,
    }


def group(prompt_id, ranks):
    return {
        "prompt_id": prompt_id,
        "prompt": f"prompt {prompt_id}",
        "classification": "Animals",
        "image": [struct(png(10 + n)) for n in range(len(ranks))],
        "rank": list(ranks),
        "overall_rating": [5] * len(ranks),
        "image_text_alignment_rating": [6 - r for r in ranks],
        "fidelity_rating": [5] * len(ranks),
    }


@pytest.fixture
def folder(tmp_path):
    for name, data in (("good", GOOD), ("worse", WORSE), ("s", SOURCE)):
        (tmp_path / f"{name}.png").write_bytes(data)
    return tmp_path


def table(folder, rows, name="data.parquet"):
    file = folder / name
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file


def array(folder, rows, name="train.json"):
    file = folder / name
    file.write_text(json.dumps(rows))
    return file


def read(file, schema):
    pairs = list(read_pairs(file, schema=schema))
    checked = check_pairs(file, schema=schema)
    assert checked.pairs == sum(isinstance(p, PreferencePair) for p in pairs)
    return pairs


def upright(pair):
    """The pair as its dataset has it, before the hash of its id mirrored it."""
    return pair.mirrored() if mirrors(pair.id) else pair


def is_good(image):
    return image.source == GOOD or str(image.source).endswith("good.png")


def test_mmrb2_reads_its_columns(folder):
    one, two = read(table(folder, [mmrb2(1), mmrb2(2, "B", (2, 5, 1))]), "mmrb2")
    assert (one.id, one.label, one.votes, one.request.sources) == (
        "t2i_1", Label.A, Votes(3, 0), (),
    )  # fmt: skip
    assert one.strength == pytest.approx((16 / 3 - 3.5) / 2.5)
    assert (two.label, two.votes) == (Label.B, Votes(1, 2))
    assert is_good(one.image_a)
    assert (one.licence, one.may_train) == ("CC-BY-NC-4.0", False)


def test_mmrb2_edits_name_their_images_only_where_there_are_several(folder):
    single = mmrb2(1, sources=[SOURCE]) | {"prompt_text": "<image_1> add a hat"}
    double = mmrb2(2, sources=[SOURCE, GOOD]) | {"prompt_text": "put <image_1> in <image_2>"}
    one, two = read(table(folder, [single, double]), "mmrb2")
    assert one.request.prompt == "add a hat"
    assert two.request.prompt == "put [image 1] in [image 2]"
    assert len(two.request.sources) == 2


def test_mmrb2_from_pandas_has_numpy_lists(folder):
    file = table(folder, [mmrb2(1), mmrb2(2, sources=[SOURCE])])
    frame = pd.read_parquet(file)
    assert isinstance(frame["response_a_images"][0], np.ndarray)
    from_pandas = list(pairs_in(frame.to_dict("records"), schema="mmrb2"))
    assert from_pandas == list(read_pairs(file, schema="mmrb2"))


def test_mmrb2_reads_its_json(folder):
    file = folder / "edit.json"
    file.write_text(json.dumps({"pairs": [mmrb2_json(1), mmrb2_json(2, "B")]}))
    one, two = read(file, "mmrb2")
    assert one.request.prompt == "add a hat"
    assert one.request.is_edit
    assert (one.label, two.label) == (Label.A, Label.B)
    assert is_good(one.image_a)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"chosen": "tie"}, "chosen"),
        ({"chosen": None}, "chosen"),
        ({"response_a_images": [struct(GOOD)] * 2}, "response_a_images"),
        ({"response_b_images": []}, "response_b_images"),
        ({"human_annotations": "[9]"}, "human_annotations"),
        ({"human_annotations": "{"}, "human_annotations"),
        ({"pair_id": None}, "pair_id"),
    ],
)
def test_mmrb2_refuses_what_it_cannot_mean(changes, field):
    with pytest.raises(RecordError) as caught:
        list(pairs_in([mmrb2(1) | changes], schema="mmrb2", name="f"))
    assert (caught.value.file, caught.value.line, caught.value.field) == ("f", 1, field)


VOTES = [
    ("leftvote", Label.A, None),
    ("rightvote", Label.B, None),
    ("tievote", Label.TIE, Both.GOOD),
    ("bothbad_vote", Label.TIE, Both.BAD),
]


@pytest.mark.parametrize("row", [generation, edition])
def test_genai_bench_tells_four_votes_apart(folder, row):
    pairs = read(table(folder, [row(vote) for vote, _, _ in VOTES]), "genai-bench")
    assert [(p.label, p.both) for p in pairs] == [(label, both) for _, label, both in VOTES]
    assert all(p.request.is_edit == (row is edition) for p in pairs)
    assert all(is_good(p.image_a) for p in pairs)
    assert {p.licence for p in pairs} == {"MIT"}
    kind = "image_edition" if row is edition else "image_generation"
    assert [p.id for p in pairs] == [f"{kind}/{n}" for n in range(4)]


def test_genai_bench_asks_for_the_instruction_of_an_edit(folder):
    (pair,) = read(table(folder, [edition()]), "genai-bench")
    assert pair.request.prompt == "let sheep block the taxi"


def test_genai_bench_refuses_an_unknown_vote():
    with pytest.raises(RecordError, match="vote_type"):
        list(pairs_in([generation("neither")], schema="genai-bench"))


@pytest.mark.parametrize(
    ("ranking", "compared", "label", "both"),
    [
        ("A>B", "AvsB", Label.A, None),
        ("B>A", "AvsB", Label.B, None),
        ("A=B=Good", "AvsB", Label.TIE, Both.GOOD),
        ("A=B=Bad", "AvsB", Label.TIE, Both.BAD),
        ("A=B", "AvsB", Label.TIE, None),
        ("B>C", "BvsC", Label.A, None),
        ("C>B", "BvsC", Label.B, None),
        ("D>A", "AvsD", Label.B, None),
    ],
)
def test_editreward_bench_reads_rankings(folder, ranking, compared, label, both):
    rows = [bench(1, ranking, "4pair", compared)]
    (pair,) = read(table(folder, rows), "editreward-bench")
    assert (pair.label, pair.both) == (label, both)
    assert is_good(pair.image_a)
    assert dict(pair.dimension_labels) == {
        "text_faithfulness": Label.TIE,
        "physical_quality": Label.A,
    }
    assert pair.may_train is False


@pytest.mark.parametrize(
    ("ranking", "compared"),
    [("A>C", "AvsB"), ("A>B=Bad", "AvsB"), ("", "AvsB"), ("A>A", "AvsA"), ("A>B", "BvsC")],
)
def test_editreward_bench_refuses_other_rankings(ranking, compared):
    with pytest.raises(RecordError, match=r"ranking|comparison_type"):
        list(pairs_in([bench(1, ranking, "3pair", compared)], schema="editreward-bench"))


def test_editreward_bench_refuses_the_release_with_contradicting_duplicates(folder):
    file = table(folder, [bench(1, "A>B"), bench(1, "B>A")])
    with pytest.raises(RecordError, match="already at"):
        check_pairs(file, schema="editreward-bench")


def test_a_group_of_editreward_bench_is_three_pairs(folder):
    rows = [bench(1, r, "3pair", c) for r, c in (("A>B", "AvsB"), ("C>A", "AvsC"), ("C>B", "BvsC"))]
    assert len({p.id for p in read(table(folder, rows), "editreward-bench")}) == 3


def test_editreward_data_is_upright_once_mirrored_back(folder):
    pairs = read(array(folder, [edit_data() for _ in range(40)]), "editreward-data")
    assert len({p.label for p in pairs}) == 2
    for pair in map(upright, pairs):
        assert pair.label is Label.A
        assert is_good(pair.image_a)
        assert pair.request.is_edit
        assert dict(pair.dimension_labels) == {
            "text_faithfulness": Label.A,
            "physical_quality": Label.TIE,
        }


def test_editreward_data_knows_ties(folder):
    (pair,) = read(array(folder, [edit_data(tie=True)]), "editreward-data")
    assert pair.label is Label.TIE
    with pytest.raises(RecordError, match="tie_case"):
        list(pairs_in([edit_data(tie="yes")], schema="editreward-data"))


def test_hpdv3_mirrors_votes_and_images_together(folder):
    pairs = read(array(folder, [hpd(n) for n in range(40)]), "hpdv3")
    for pair in pairs:
        votes, winner = pair.votes, pair.image_a if pair.label is Label.A else pair.image_b
        assert is_good(winner)
        assert (votes.a > votes.b) == (pair.label is Label.A)
        assert pair.strength == pytest.approx(0.5)
        assert (pair.licence, pair.may_train) == ("MIT", True)


def test_hpdv3_does_without_what_is_null(folder):
    short = {"prompt": "p", "path1": "good.png", "path2": "worse.png", "model1": "", "model2": ""}
    nulls = hpd(1, choice_dist=None, confidence=None)
    one, two = read(array(folder, [short, nulls], "test.json"), "hpdv3")
    assert [one.votes, one.strength, two.votes, two.strength] == [None] * 4
    assert one.id == "hpdv3/test/0"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"choice_dist": [1, 2, 3]}, "choice_dist"),
        ({"choice_dist": [1.5, 2]}, "choice_dist"),
        ({"choice_dist": "12,7"}, "choice_dist"),
        ({"confidence": 3}, "confidence"),
        ({"path1": None}, "path1"),
        ({"path2": "../x.png"}, "image_b"),
    ],
)
def test_hpdv3_refuses_what_it_cannot_mean(changes, field):
    with pytest.raises(RecordError) as caught:
        list(pairs_in([hpd(1, **changes)], schema="hpdv3"))
    assert caught.value.field == field


def test_pickapic_reads_halves_as_ties(folder):
    rows = [pick(1), pick(2, (0.0, 1.0)), pick(3, (0.5, 0.5))]
    pairs = read(table(folder, rows), "pickapic")
    assert [p.label for p in pairs] == [Label.A, Label.B, Label.TIE]
    assert all(is_good(p.image_a) for p in pairs)
    assert all(p.licence is None and p.may_train for p in pairs)


def test_pickapic_counts_rows_without_label_or_image(folder):
    rows = [pick(1, has_label=False), pick(2, jpg_1=None), pick(3)]
    first, second, third = read(table(folder, rows), "pickapic")
    assert isinstance(first, Unloadable)
    assert isinstance(second, Unloadable)
    assert isinstance(third, PreferencePair)


def test_pickapic_refuses_other_labels():
    with pytest.raises(RecordError, match="label_0"):
        list(pairs_in([pick(1, (1.0, 1.0))], schema="pickapic"))


def test_imagerewarddb_makes_all_pairs_of_a_prompt(folder):
    rows = [ranked("p1", rank, shade) for rank, shade in ((2, 1), (1, 2), (1, 3))]
    rows += [ranked("p2", 1, 1), ranked("p2", 2, 2)]
    pairs = [upright(p) for p in read(table(folder, rows), "imagerewarddb")]
    assert [p.label for p in pairs] == [Label.B, Label.B, Label.TIE, Label.A]
    assert len({p.id for p in pairs}) == 4
    assert pairs[0].image_a.source == png(1)
    assert {p.request.prompt for p in pairs} == {"prompt p1", "prompt p2"}


def test_imagerewarddb_reads_groups_and_pairs_too(folder):
    rows = [ranked("p", rank, 10 + n, 6 - rank) for n, rank in enumerate((2, 1, 3))]
    by_image = read(table(folder, rows), "imagerewarddb")
    by_group = read(table(folder, [group("p", (2, 1, 3))]), "imagerewarddb")
    assert by_group == by_image
    assert [dict(p.dimension_labels) for p in by_group] == [
        dict(p.dimension_labels) for p in by_image
    ]
    frame = pd.read_parquet(table(folder, [group("p", (2, 1, 3))]))
    assert isinstance(frame["rank"][0], np.ndarray)
    assert list(pairs_in(frame.to_dict("records"), schema="imagerewarddb")) == by_group
    better = {
        "prompt_id": "p", "prompt": "x", "classification": "c",
        "img_better": struct(GOOD), "img_worse": struct(WORSE),
    }  # fmt: skip
    pairs = [upright(p) for p in read(table(folder, [better, better]), "imagerewarddb")]
    assert [(p.label, is_good(p.image_a)) for p in pairs] == [(Label.A, True)] * 2


def test_imagerewarddb_reads_the_json_of_the_repository(folder):
    rows = [
        {k: v for k, v in ranked("p", rank, 1).items() if k != "image"} | {"image_path": path}
        for rank, path in ((1, "good.png"), (2, "worse.png"))
    ]
    (pair,) = read(array(folder, rows), "imagerewarddb")
    assert is_good(upright(pair).image_a)


def test_imagerewarddb_refuses_scattered_and_uneven_groups():
    scattered = [ranked("p", 1, 1), ranked("q", 1, 2), ranked("p", 2, 3)]
    with pytest.raises(RecordError, match="sort the rows"):
        list(pairs_in(scattered, schema="imagerewarddb"))
    uneven = group("p", (1, 2)) | {"rank": [1]}
    with pytest.raises(RecordError, match="one length"):
        list(pairs_in([uneven], schema="imagerewarddb"))
    with pytest.raises(RecordError, match="two rows"):
        list(pairs_in([group("p", (1, 2)), group("p", (1, 2))], schema="imagerewarddb"))


COUNT = 1600


def many(schema):
    """Rows as the dataset has them: unbiased where it is, preferred first where it does that."""
    rng = random.Random(11)
    coin = [rng.random() < 0.5 for _ in range(COUNT)]
    return {
        "mmrb2": lambda: [mmrb2(n, "AB"[c]) for n, c in enumerate(coin)],
        "genai-bench": lambda: [generation(("leftvote", "rightvote")[c]) for c in coin],
        "editreward-bench": lambda: [bench(n, ("A>B", "B>A")[c]) for n, c in enumerate(coin)],
        "editreward-data": lambda: [edit_data() for _ in coin],
        "hpdv3": lambda: [hpd(n) for n in range(COUNT)],
        "pickapic": lambda: [pick(n, ((1, 0), (0, 1))[c]) for n, c in enumerate(coin)],
        "imagerewarddb": lambda: [ranked(str(n // 4), n % 4 + 1, 1) for n in range(COUNT)],
    }[schema]()


MIRRORED = {"editreward-data", "hpdv3", "imagerewarddb"}


def in_arrays(row):
    """The row as pandas gives it: its lists are numpy arrays."""
    made = {}
    for name, value in row.items():
        made[name] = value
        if isinstance(value, list):
            made[name] = np.empty(len(value), dtype=object)
            made[name][:] = value
    return made


def share_of_a(rows, schema, folder):
    pairs = list(pairs_in(rows, schema=schema, images_root=folder, name="train.json"))
    decided = [p.label for p in pairs if p.label is not Label.TIE]
    assert len(decided) >= 1500
    return decided.count(Label.A) / len(decided)


@pytest.mark.parametrize("schema", sorted(set(SCHEMAS) - {"plain"}))
def test_a_judge_that_always_says_a_is_right_half_of_the_time(folder, schema):
    rows = many(schema)
    assert 0.45 <= share_of_a(rows, schema, folder) <= 0.55
    assert share_of_a(map(in_arrays, rows), schema, folder) == share_of_a(rows, schema, folder)


@pytest.mark.parametrize("schema", sorted(MIRRORED))
def test_without_mirroring_that_judge_would_always_be_right(folder, schema):
    # So the test above can fail; and these are all that need to be mirrored.
    known = schema_named(schema)
    assert known.mirrors
    assert share_of_a(many(schema), evolve(known, mirrors=False), folder) == 1.0
    assert not any(schema_named(n).mirrors for n in SCHEMAS if n not in MIRRORED)


@pytest.mark.parametrize("schema", sorted(set(SCHEMAS) - {"plain"}))
def test_provenance_travels_with_every_pair(folder, schema):
    known = schema_named(schema)
    pairs = pairs_in(many(schema)[:20], schema=schema, images_root=folder)
    assert {(p.source, p.licence, p.may_train) for p in pairs} == {
        (known.source, known.licence, known.may_train)
    }
    assert known.source


def test_half_of_all_ids_mirror_and_always_the_same_ones():
    share = sum(mirrors(f"pair {n}") for n in range(4000)) / 4000
    assert 0.46 < share < 0.54
    assert [mirrors(f"p{n}") for n in range(6)] == [mirrors(f"p{n}") for n in range(6)]


@pytest.mark.parametrize("counts", [[None, 3], ["many", "few"], [1.5, 2], [1, 2, 3]])
def test_counts_that_are_none_are_told_of(tmp_path, counts):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(hpd(0, choice_dist=counts)))
    with pytest.raises(RecordError, match=r"rows\.jsonl:1.*two counts"):
        check_pairs(path, schema="hpdv3")


def test_a_group_of_images_without_images_is_told_of(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"prompt_id": "p", "prompt": "a cat", "rank": [1, 2]}))
    with pytest.raises(RecordError, match=r"rows\.jsonl:1.*lists of one length"):
        check_pairs(path, schema="imagerewarddb")
