"""What a request can do on its way. Each step has its SimPy form and its compiled form side by side.

The SimPy form acts on objects (`runtime`), the compiled form on records of numbers (`world`). Both forms of a step
return the index of the site to go on with, or `PARKED` when the walk must wait to be woken, or `GONE` when it has
ended.
"""

from models.kernel.steps.admit import Admit, At
from models.kernel.steps.base import Step
from models.kernel.steps.choose import Choose, Redirect, by_leg
from models.kernel.steps.each import Each
from models.kernel.steps.fork import Fork, Needed
from models.kernel.steps.hold import Hold, Pass
from models.kernel.steps.instead import Attempt, Try
from models.kernel.steps.log import Append, Receive
from models.kernel.steps.lookup import Drop, Fill, Fit, Lookup, Peek
from models.kernel.steps.occupy import Occupy
from models.kernel.steps.serve import Serve
from models.kernel.steps.travel import Travel
from models.kernel.steps.versions import Apply, Order, Read
from models.kernel.steps.volume import Allocate, Await, Find, Persist, Report, Seek

__all__ = [
    "Admit", "Allocate", "Append", "Apply", "At", "Attempt", "Await", "Choose", "Drop", "Each", "Fill", "Find", "Fit",
    "Fork", "Hold", "Lookup", "Needed", "Occupy", "Order", "Pass", "Peek", "Persist", "Read", "Receive", "Redirect",
    "Report", "Seek", "Serve", "Step", "Travel", "Try", "by_leg",
]  # fmt: skip
