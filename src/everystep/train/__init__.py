"""Training that can be trusted: a visible loop, exact resume, checkpoints, a log, and model directories."""

from everystep.train.batches import Batches, Drawn, Shuffled
from everystep.train.log import read_log
from everystep.train.loop import Trained, train
from everystep.train.model_files import SavedModel, load_model, save_model
from everystep.train.run import Run
from everystep.train.settings import Settings
from everystep.train.standing import Epoch
from everystep.train.truncated import Consecutive, Truncated, Window

__all__ = [
    "Batches",
    "Consecutive",
    "Drawn",
    "Epoch",
    "Run",
    "SavedModel",
    "Settings",
    "Shuffled",
    "Trained",
    "Truncated",
    "Window",
    "load_model",
    "read_log",
    "save_model",
    "train",
]
