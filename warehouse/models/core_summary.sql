select * from raw_clinicaltrials_gov__summary
