"""Probes: do ids, the order of events, attributes, graphs or a model tell what nobody could know in time?"""

from tastemaker.evaluation.probes.arrival import arrival_order
from tastemaker.evaluation.probes.attributes import attributes, snapshot_names
from tastemaker.evaluation.probes.dataset import probe_dataset
from tastemaker.evaluation.probes.edges import answers_in_graph, answers_in_training
from tastemaker.evaluation.probes.finding import FALSE_ALARMS, Finding, Verdict, worst
from tastemaker.evaluation.probes.knowing import above_chance, label_swap
from tastemaker.evaluation.probes.model import probe_model
from tastemaker.evaluation.probes.next_id import next_id
from tastemaker.evaluation.probes.numbers import Numbering, numberings, raw_ids
from tastemaker.evaluation.probes.reading import history_only, names_exchanged, provenance_overlap
from tastemaker.evaluation.probes.report import html_section, summary, terminal_report, to_json
from tastemaker.evaluation.probes.ties import sorted_histories, tie_order

__all__ = [
    "FALSE_ALARMS",
    "Finding",
    "Numbering",
    "Verdict",
    "above_chance",
    "answers_in_graph",
    "answers_in_training",
    "arrival_order",
    "attributes",
    "history_only",
    "html_section",
    "label_swap",
    "names_exchanged",
    "next_id",
    "numberings",
    "probe_dataset",
    "probe_model",
    "provenance_overlap",
    "raw_ids",
    "snapshot_names",
    "sorted_histories",
    "summary",
    "terminal_report",
    "tie_order",
    "to_json",
    "worst",
]
