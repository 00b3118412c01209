"""The site in one execution environment: pages, votes, the lease, commands."""

import re

import pytest
from runtime_api import FunctionError
from visitor import Visitor, request


def test_a_cold_start_answers(site, measured):
    place = site.environment()
    page = Visitor().get(place, "/")
    assert page.status == 200 and "Two people press Save" in page.text
    measured(f"{place.peak_memory_mb():.0f} MB at most")
