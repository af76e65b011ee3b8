"""Deaths and adverse events.

Where the results name both sides, more or fewer is the experimental arms' share of participants less the control arms'.
"""

from cto.labels import label_function
from label_functions._event_rate import event_rate

_TOTALS = "core_adverse_event_total"
_INFORMS = {"success": +1, "cto_compatible": +1}


@label_function(kind="conduct", group="safety", informs=_INFORMS, better="below", unit=" points")
def deaths() -> str:
    """Vote success when clearly fewer participants than usual died, failure when clearly more did."""
    return event_rate("deaths", "died", _TOTALS)


@label_function(kind="conduct", group="safety", informs=_INFORMS, better="below", unit=" points")
def serious_adverse_events() -> str:
    """Vote success when clearly fewer participants than usual had serious adverse events, failure when more did."""
    return event_rate("serious_adverse_events", "had serious adverse events", _TOTALS)


@label_function(kind="conduct", group="safety", informs=_INFORMS, better="below", unit=" points")
def other_adverse_events() -> str:
    """Vote success when clearly fewer participants than usual had other adverse events, failure when more did."""
    return event_rate("other_adverse_events", "had other adverse events", _TOTALS)
