"""What every model run in this process does alike, whatever runs its network.

Chat markup in pieces, shared beginnings of prompts, replies that grow token by token, batches
that fit into memory. Knows tokens as numbers; knows no tensor.
"""
