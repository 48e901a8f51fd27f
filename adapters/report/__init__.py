"""Runs as HTML pages to look at, to keep, to send: one module a kind of run."""

from __future__ import annotations

from parrot.adapters.report.data_run import Run, data_page
from parrot.adapters.report.drafts import marked
from parrot.adapters.report.judgements import Judgements, judgement_page
from parrot.adapters.report.refinement import refinement_page

__all__ = ["Judgements", "Run", "data_page", "judgement_page", "marked", "refinement_page"]
