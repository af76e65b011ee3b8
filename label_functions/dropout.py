"""Participants who left the trial."""

from cto.labels import label_function
from label_functions._event_rate import event_rate


@label_function(
    kind="conduct", group="safety", informs={"success": +1, "cto_compatible": +1}, better="below", unit=" points"
)
def dropout() -> str:
    """Vote success when clearly fewer participants than usual left the trial, failure when clearly more did.

    Where the results name both sides, more or fewer is the experimental arms' share less the control arms'.
    """
    return event_rate("dropout", "did not complete", "core_participant_flow")
