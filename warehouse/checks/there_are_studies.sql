-- No tolerance: an empty registry is a broken source, not a registry without studies.
select count(*) as n_studies from trials having n_studies = 0
