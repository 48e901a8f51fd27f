# Where diffusers is not installed, pyright takes the folder backends/diffusers for it; and types are to be
# the same with diffusers and without.
from typing import Any

def __getattr__(name: str) -> Any: ...
