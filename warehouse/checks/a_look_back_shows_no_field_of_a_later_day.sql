-- No tolerance: a field from a later update or later results leaks the future, as a later vote would.
select nct_id, last_update_post_date, results_first_post_date
from trials
where not (select is_current from run) and (last_update_post_date > as_of or results_first_post_date > as_of)
