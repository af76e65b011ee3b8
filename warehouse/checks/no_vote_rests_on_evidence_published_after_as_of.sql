-- No tolerance: one such vote leaks the future into a dataset that promises not to hold it.
select v.nct_id, v.label_function, v.available_at from votes v join trials t on v.nct_id = t.nct_id where v.available_at > t.as_of
