"""Data: events, items, people, facts, their splits, and where they come from."""

from tastemaker.data.catalogue import Catalogue, Relations, Users
from tastemaker.data.dataset import Dataset, Sequences
from tastemaker.data.folder import read_folder, write_folder
from tastemaker.data.heldout import HeldOut
from tastemaker.data.interactions import Interactions
from tastemaker.data.joined import joined
from tastemaker.data.kcore import k_core
from tastemaker.data.labelled import LabelledEvents, labels_of, ratings_of
from tastemaker.data.provenance import Provenance
from tastemaker.data.sources import SOURCES, load_dataset
from tastemaker.data.split import (
    Rules,
    Split,
    cold_item,
    cold_user,
    given_split,
    global_time,
    keyword_user,
    leave_last_n,
    leave_one_out,
    make_split,
    make_splits,
    random_ratio,
    user_k_fold,
    user_ratio,
)
from tastemaker.data.splits.events import EventSplit, split_events
from tastemaker.data.vocabulary import Vocabulary

__all__ = [
    "SOURCES",
    "Catalogue",
    "Dataset",
    "EventSplit",
    "HeldOut",
    "Interactions",
    "LabelledEvents",
    "Provenance",
    "Relations",
    "Rules",
    "Sequences",
    "Split",
    "Users",
    "Vocabulary",
    "cold_item",
    "cold_user",
    "given_split",
    "global_time",
    "joined",
    "k_core",
    "keyword_user",
    "labels_of",
    "leave_last_n",
    "leave_one_out",
    "load_dataset",
    "make_split",
    "make_splits",
    "random_ratio",
    "ratings_of",
    "read_folder",
    "split_events",
    "user_k_fold",
    "user_ratio",
    "write_folder",
]
