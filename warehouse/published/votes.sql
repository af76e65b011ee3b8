-- A vote on a trial that was not public on the release's day is no row of it.
select v.* from vote v semi join trials t on v.nct_id = t.nct_id
