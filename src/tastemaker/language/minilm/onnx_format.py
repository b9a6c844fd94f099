"""The ONNX file format, as far as a graph needs it that we put together ourselves: nodes, constants, one output.

An ONNX file is a message of protocol buffers; the numbers of its fields are those of ``onnx.proto`` (ONNX, IR version
8). The package ``onnx`` can do this and much more; these hundred lines stand for its 17 MB. No model is known here.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

Attribute: TypeAlias = int | float | Sequence[int]
Shape: TypeAlias = Sequence[int | str]

_IR_VERSION: Final = 8
_OPERATORS: Final = {"": 17, "com.microsoft": 1}
_ELEMENTS: Final = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}
_FLOAT, _INT, _INTS = 1, 2, 7


def varint(number: int) -> bytes:
    """Write a whole number in groups of seven bits, lowest first; one below 0 as its 64 bits.

    >>> varint(300).hex()
    'ac02'
    """
    number %= 1 << 64
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def _tensor(name: str, values: ArrayLike) -> bytes:
    array = np.ascontiguousarray(values)
    shape = np.shape(values)
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    dims = b"".join(_number(1, size) for size in shape)
    return dims + _number(2, _ELEMENTS[array.dtype.name]) + _bytes(8, name) + _bytes(9, little.tobytes())


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, float):
        return _bytes(1, name) + varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, _FLOAT)
    if isinstance(value, int):
        return _bytes(1, name) + _number(3, value) + _number(20, _INT)
    return _bytes(1, name) + b"".join(_number(8, each) for each in value) + _number(20, _INTS)


def _described(name: str, element: str, shape: Shape) -> bytes:
    sizes = b"".join(_bytes(1, _bytes(2, size) if isinstance(size, str) else _number(1, size)) for size in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, _ELEMENTS[element]) + _bytes(2, sizes)))


class Graph:
    """A graph under construction; what is put in is known by the names that come back.

    Args:
        inputs: Name -> element type and shape; a word in a shape stands for a size that differs between calls.
    """

    def __init__(self, inputs: Mapping[str, tuple[str, Shape]]) -> None:
        self._inputs = [_described(name, *what) for name, what in inputs.items()]
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._names = 0

    def _name(self) -> str:
        self._names += 1
        return f"v{self._names}"

    def constant(self, values: ArrayLike) -> str:
        """Add an array and return its name."""
        name = self._name()
        self._constants.append(_tensor(name, values))
        return name

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Attribute) -> str:
        """Add an operator with one output and return the output's name; an input named ``""`` is left out."""
        return self.add_with_outputs(1, operator, *inputs, domain=domain, **attributes)[0]

    def add_with_outputs(
        self, count: int, operator: str, *inputs: str, domain: str = "", **attributes: Attribute
    ) -> list[str]:
        """Add an operator with several outputs and return their names."""
        outputs = [self._name() for _ in range(count)]
        named = [_bytes(5, _attribute(name, value)) for name, value in attributes.items()]
        ends = [_bytes(1, name) for name in inputs] + [_bytes(2, name) for name in outputs]
        self._nodes.append(b"".join((*ends, _bytes(4, operator), *named, _bytes(7, domain))))
        return outputs

    def model(self, output: str, element: str, shape: Shape) -> bytes:
        """Return the graph, which ends in one of its values, as the bytes of an ONNX file."""
        graph = b"".join(
            (
                *(_bytes(1, node) for node in self._nodes),
                _bytes(2, "tastemaker"),
                *(_bytes(5, constant) for constant in self._constants),
                *(_bytes(11, described) for described in self._inputs),
                _bytes(12, _described(output, element, shape)),
            )
        )
        operators = [_bytes(8, _bytes(1, domain) + _number(2, version)) for domain, version in _OPERATORS.items()]
        return b"".join((_number(1, _IR_VERSION), _bytes(2, "tastemaker"), _bytes(7, graph), *operators))
