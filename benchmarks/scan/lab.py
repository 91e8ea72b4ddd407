"""The laboratory of the live tests, which lies beside them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "live"))

from lab import NEAR4, Host, Lab, Namespace, command

__all__ = ["NEAR4", "Host", "Lab", "Namespace", "command"]
