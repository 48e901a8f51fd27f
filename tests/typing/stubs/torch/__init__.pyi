# Where torch is not installed, pyright takes the folder backends/torch for it; and types are to be
# the same with torch and without.
from typing import Any

def __getattr__(name: str) -> Any: ...
