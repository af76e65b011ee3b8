-- No tolerance: label, probability and reason are one statement made three times.
select nct_id, definition, label, p_success, abstain_reason
from labels
where (label is null) <> (abstain_reason is not null)
    or (label = 1 and not p_success > 0.5)
    or (label = 0 and not p_success < 0.5)
    or not coalesce(p_success between 0 and 1, true)
