select nct_id, 0 as sponsor_index, lead_sponsor_name as sponsor_name, lead_sponsor_class as sponsor_class, true as is_lead
from raw_clinicaltrials_gov__study
where lead_sponsor_name is not null
union all
select nct_id, sponsor_index, sponsor_name, sponsor_class, false
from raw_clinicaltrials_gov__collaborator
