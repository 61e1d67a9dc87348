"""Recurrent nodes of ONNX models as modules that everystep runs and trains."""

from __future__ import annotations

from everystep.onnx.load import load_recurrent
from everystep.onnx.module import CellOutputs, Outputs, Recurrent

__all__ = ["CellOutputs", "Outputs", "Recurrent", "load_recurrent"]
