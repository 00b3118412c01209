"""What CloudWatch asks of a line in its embedded metric format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
from typing import Any

UNITS = frozenset({"Seconds", "Microseconds", "Milliseconds", "Bytes", "Count", "Percent", "None"})
MAX_EVENT_BYTES = 256 << 10
MAX_METRICS = 100
MAX_DIMENSIONS = 30
MAX_VALUES = 100


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_emf(line: dict[str, Any]) -> None:
    assert len(json.dumps(line).encode()) < MAX_EVENT_BYTES
    about = line["_aws"]
    assert isinstance(about["Timestamp"], int) and about["Timestamp"] > 1_700_000_000_000
    assert about["CloudWatchMetrics"]
    named = {"_aws"}
    for directive in about["CloudWatchMetrics"]:
        assert 1 <= len(directive["Namespace"]) <= 1024
        assert directive["Dimensions"]
        for dimensions in directive["Dimensions"]:
            assert len(dimensions) <= MAX_DIMENSIONS
            for name in dimensions:
                assert isinstance(line[name], str) and 1 <= len(line[name]) <= 1024
                named.add(name)
        assert 1 <= len(directive["Metrics"]) <= MAX_METRICS
        for metric in directive["Metrics"]:
            assert 1 <= len(metric["Name"]) <= 1024
            assert metric["Unit"] in UNITS
            values = line[metric["Name"]]
            values = values if isinstance(values, list) else [values]
            assert 1 <= len(values) <= MAX_VALUES
            assert all(is_number(value) for value in values)
            named.add(metric["Name"])
    assert named == line.keys(), "nothing that is neither a metric nor a dimension"
