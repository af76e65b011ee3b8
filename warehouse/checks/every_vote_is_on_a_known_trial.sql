-- No tolerance: a vote on nothing is a bug in a label function.
select nct_id, label_function from votes where nct_id not in (select nct_id from trials)
