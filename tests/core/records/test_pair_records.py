"""Plain pair records: the whole value survives, and each bad field is told by name."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.errors import RecordError
from parrot.core.records.pairs import check_pair_record, pair_from_record, pair_to_record
from parrot.core.values import Both, Image, Label, PreferencePair, Request, Votes

texts = st.text(max_size=20)
images = st.integers(0, 999).map(lambda n: Image(f"{n:064x}", "image/png", b""))
counts = st.integers(0, 50)


@st.composite
def pairs(draw):
    label = draw(st.sampled_from(Label))
    both = draw(st.none() | st.sampled_from(Both)) if label is Label.TIE else None
    return PreferencePair(
        draw(st.text(min_size=1, max_size=8)),
        Request(draw(texts), tuple(draw(st.lists(images, max_size=2)))),
        draw(images),
        draw(images),
        label,
        both=both,
        strength=draw(st.none() | st.floats(0, 1)),
        votes=draw(st.none() | st.builds(Votes, counts, counts, counts)),
        dimension_labels=draw(st.dictionaries(texts, st.sampled_from(Label), max_size=3)),
        source=draw(texts),
        licence=draw(st.none() | texts),
        may_train=draw(st.booleans()),
    )


def opened(ref):
    return Image(ref, "image/png", b"")


def record(**changes):
    whole = {"id": "7", "prompt": "a cat", "image_a": "a.png", "image_b": "b.png", "label": "A"}
    return whole | changes


@given(pairs())
def test_a_pair_survives_the_file(pair):
    data = json.loads(json.dumps(pair_to_record(pair, image_ref=lambda image: image.sha256)))
    read = pair_from_record(data, opened)
    assert read == pair
    assert read.dimension_labels == pair.dimension_labels  # not part of equality's hash


@given(pairs())
def test_a_pair_survives_a_table_that_fills_gaps_with_null(pair):
    data = pair_to_record(pair, image_ref=lambda image: image.sha256)
    filled = dict.fromkeys(("both", "strength", "votes", "licence", "dimension_labels")) | data
    filled["sources"] = np.array(data["sources"], dtype=object)
    if data.get("dimension_labels"):
        filled["dimension_labels"] = data["dimension_labels"] | {"another dimension": None}
    assert pair_from_record(filled, opened) == pair


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"label": "left"}, "label"),
        ({"label": "a"}, "label"),
        ({"label": None}, "label"),
        ({"id": None}, "id"),
        ({"id": ""}, "id"),
        ({"prompt": None}, "prompt"),
        ({"prompt": 3}, "prompt"),
        ({"image_a": None}, "image_a"),
        ({"image_b": 3}, "image_b"),
        ({"image_b": {"bytes": None, "path": None}}, "image_b"),
        ({"sources": "one.png"}, "sources"),
        ({"sources": [None]}, "sources.0"),
        ({"both": "BAD"}, "both"),
        ({"label": "TIE", "both": "MEH"}, "both"),
        ({"strength": 1.5}, "strength"),
        ({"strength": float("nan")}, "strength"),
        ({"votes": {"a": -1}}, "votes.a"),
        ({"votes": [1, 2]}, "votes"),
        ({"dimension_labels": {"q": "C"}}, "dimension_labels.q"),
        ({"may_train": "no"}, "may_train"),
        ({"licence": 3}, "licence"),
        ({"schema": 2}, "schema"),
    ],
)
def test_a_bad_field_is_named(changes, field):
    for read in (lambda r: pair_from_record(r, opened), check_pair_record):
        with pytest.raises(RecordError) as caught:
            read(record(**changes))
        assert caught.value.field == field
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "meant"),
    [("maytrain", "may_train"), ("license", "licence"), ("dimension_label", "dimension_labels")],
)
def test_a_misspelt_field_is_refused_with_the_right_name(field, meant):
    with pytest.raises(RecordError, match=f"did you mean '{meant}'"):
        check_pair_record(record(**{field: False}))


def test_a_misspelt_required_field_is_told_before_its_absence():
    odd = record(lable="A")
    del odd["label"]
    with pytest.raises(RecordError, match="did you mean 'label'"):
        check_pair_record(odd)


def test_fields_of_the_user_are_ignored():
    own = {"subset": "x", "_license": "MIT", "image_c": "c.png", "label_b": 3}
    assert check_pair_record(record(**own)) == "7"


def test_a_number_will_do_as_an_id():
    assert check_pair_record(record(id=12)) == "12"


@pytest.mark.parametrize("odd", [[], None, "text"])
def test_a_record_that_is_no_object_is_refused(odd):
    with pytest.raises(RecordError, match="object of named fields"):
        check_pair_record(odd)


def test_what_opens_images_may_fail_in_its_own_way():
    def broken(ref):
        raise OSError(ref)

    with pytest.raises(OSError, match=r"a\.png"):
        pair_from_record(record(), broken)


def test_the_core_itself_does_not_load_pydantic():
    code = "import parrot.core, parrot.core.values, sys; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
