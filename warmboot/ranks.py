"""`rank_here`: this process's place among those that train together. A file of its own, since reports and
checkpoints both ask for it."""

import os
import sys
from typing import Any


def rank_here() -> int:
    """This process's number among those that train together; 0 where it trains alone."""
    distributed: Any = sys.modules.get("torch.distributed")  # if it is in use, the script has imported it
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank())
    text = os.environ.get("RANK", "0")
    return int(text) if text.isdecimal() else 0
