-- A study once published stays, removed by the registry or not; only a look back may leave studies out.
select nct_id from previous_trial where nct_id not in (select nct_id from trials) and (select is_current from run)
