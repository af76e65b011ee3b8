-- No tolerance: a missing row would pass for a trial that has not ended.
select t.nct_id, count(l.definition) as n_labels
from trials t left join labels l on t.nct_id = l.nct_id
where t.is_ended
group by t.nct_id
having count(l.definition) <> (select count(distinct definition) from labels)
