"""The recipe: what a document's `training` section may say."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import InputError
from nas.training.recipe import OPTIMIZERS, SCHEDULES, Training

share = st.floats(0, 1, exclude_max=True)
amount = st.floats(0, 1e3)
documents = st.fixed_dictionaries(
    {},
    optional={
        "epochs": st.integers(1, 1000),
        "batch_size": st.integers(1, 4096),
        "optimizer": st.sampled_from(OPTIMIZERS),
        "lr": st.floats(1e-8, 10),
        "weight_decay": amount,
        "momentum": st.floats(0.01, 0.99),
        "nesterov": st.booleans(),
        "schedule": st.sampled_from(SCHEDULES),
        "warmup_epochs": amount | st.integers(0, 10),
        "decay": st.floats(0.01, 2),
        "label_smoothing": share,
        "ema": share,
        "drop_path": share,
        "crop": st.integers(0, 20),
        "resized_crop": share,
        "flip": st.booleans() | share,
        "trivial_augment": st.booleans(),
        "cutout": st.integers(0, 20),
        "mixup": amount,
        "cutmix": amount,
    },
)


@given(documents)
def test_a_recipe_survives_its_document(document):
    training = Training.from_document(document)
    assert Training.from_document(training.to_document()) == training


@given(documents)
def test_the_document_names_every_field_and_what_was_given(document):
    written = Training.from_document(document).to_document()
    assert list(written) == [each.name for each in fields(Training)]
    assert all(written[key] == value for key, value in document.items() if key != "flip")


def test_numbers_have_one_form_however_they_were_written():
    assert repr(Training.from_document({"weight_decay": 0, "flip": True, "warmup_epochs": 2})) == repr(
        Training(weight_decay=0.0, flip=0.5, warmup_epochs=2.0)
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("epochs", 2.0),
        ("epochs", True),
        ("batch_size", -1),
        ("lr", 0),
        ("lr", "fast"),
        ("lr", float("nan")),
        ("weight_decay", -0.1),
        ("weight_decay", float("inf")),
        ("momentum", 1),
        ("nesterov", 1),
        ("label_smoothing", 1.0),
        ("ema", 1),
        ("crop", -1),
        ("crop", 1.5),
        ("flip", 2),
        ("flip", None),
        ("trivial_augment", "yes"),
        ("mixup", -1),
        ("decay_epochs", 0),
    ],
)
def test_a_bad_value_is_refused_with_its_place_and_value(field, value):
    with pytest.raises(InputError) as error:
        Training.from_document({field: value})
    assert str(error.value).startswith(f"training.{field}: ")
    assert repr(value) in str(error.value)


@pytest.mark.parametrize(("field", "choices"), [("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)])
def test_an_unknown_word_is_refused_with_the_choices(field, choices):
    with pytest.raises(InputError) as error:
        Training.from_document({field: "adam"})
    assert all(choice in str(error.value) for choice in choices)


def test_a_misspelt_field_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"training: no field 'weigth_decay'; did you mean 'weight_decay'"):
        Training.from_document({"weigth_decay": 0.1})


def test_what_is_not_a_mapping_is_refused():
    with pytest.raises(InputError, match="not a mapping"):
        Training.from_document(["epochs"])


def test_replacing_a_field_checks_it_too():
    with pytest.raises(InputError, match=r"training\.epochs"):
        replace(Training(), epochs=0)


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(InputError, match="momentum above 0"):
        Training(optimizer="sgd", nesterov=True, momentum=0)
