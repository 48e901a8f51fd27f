"""Rewards in the call form of trainers, a module each; none of them imports its trainer.

`flow_grpo` (also DiffusionNFT), `edit_r1`, `flow_factory`, `pref_grpo` (also DanceGRPO) score
drawings; `trl`, `ms_swift` and `verl` score what a policy writes.
"""
