"""What can't be screened ends before a person, visibly, and holds nobody up."""

import json

import pytest

from tests.support.desk import ASK_RULES
from tests.faults.support.scene import few_or_many

pytestmark = pytest.mark.chaos
