"""CloudFormation templates, read as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    pass


def _function(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if name == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {name if name == "Ref" else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _function)


def load(path: Path) -> dict[str, Any]:
    """A template, its short functions in their long form: {"Ref": ...}, {"Fn::Sub": ...}."""
    return yaml.load(path.read_text(), _Loader)


def resolve(value: Any, names: dict[str, Any], conditions: dict[str, bool]) -> Any:
    """`value` with Ref, Sub and If done; `names`: of parameters and resources."""
    if not isinstance(value, dict):
        return value
    ((function, argument),) = value.items()
    if function == "Ref":
        return names[argument]
    if function == "Fn::If":
        return resolve(argument[1 if conditions[argument[0]] else 2], names, conditions)
    assert function == "Fn::Sub", function
    text, more = argument if isinstance(argument, list) else (argument, {})
    known = names | {name: resolve(part, names, conditions) for name, part in more.items()}
    for name, part in known.items():
        text = text.replace(f"${{{name}}}", str(part))
    return text
