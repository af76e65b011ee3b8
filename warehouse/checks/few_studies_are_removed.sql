-- The registry withdraws a handful of records a week. When it seems to have dropped one in twenty, and more than 20, its
-- list was cut short rather than its studies removed.
select count(*) filter (is_removed) as n_removed, count(*) as n_studies
from trials
having n_removed > 20 and n_removed > 0.05 * n_studies
