select *, 'PRIMARY' as outcome_type from raw_clinicaltrials_gov__primary_outcome
union all by name
select *, 'SECONDARY' as outcome_type from raw_clinicaltrials_gov__secondary_outcome
union all by name
select *, 'OTHER' as outcome_type from raw_clinicaltrials_gov__other_outcome
