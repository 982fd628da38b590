"""The list of sabotages is of this tree: what is to be made wrong is there once, and so is the test that notices."""

import ast

import pytest

from bench.sabotages import SABOTAGES
from tests.architecture.reading import ROOT


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.what)
def test_what_is_to_be_made_wrong_is_there_once(sabotage):
    assert (ROOT / sabotage.file).read_text().count(sabotage.text) == 1
    assert sabotage.replacement != sabotage.text
    path, *names = sabotage.test.split("::")
    place = ast.parse((ROOT / path).read_text())
    for name in names:
        [place] = [each for each in place.body if getattr(each, "name", "") == name]


def test_they_are_many_and_none_is_there_twice():
    assert len({(sabotage.file, sabotage.text, sabotage.replacement) for sabotage in SABOTAGES}) == len(SABOTAGES) >= 24
