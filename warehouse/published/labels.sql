-- One row an ended trial and definition, with or without a label: a missing row would pass for a trial under way.
with n_votes as (
    select v.nct_id, v.definition, count(*) as n_votes
    from vote v semi join fused_function f on v.label_function = f.name and v.definition = f.definition
    group by v.nct_id, v.definition
),
-- The day by which a trial of its phase has gone on, if it ever does; where a continuation would not be seen there is none.
horizon as (
    select p.nct_id, 'progressed' as definition, p.ended_on + c.cut::integer as horizon_end
    from annot_phase_progress p join cut_point c on c.label_function = 'phase_progression' and c.phase = p.phase
    where p.is_watched
)
select
    t.nct_id,
    d.definition,
    case when p.p_success > 0.5 then 1 when p.p_success < 0.5 then 0 end as label,
    p.p_success,
    null as p_low,
    null as p_high,
    'none' as calibration,
    coalesce(n.n_votes, 0) as n_votes,
    case
        when p.p_success is null and h.horizon_end > t.as_of then 'within_horizon'
        when p.p_success is null then 'no_evidence'
        when p.p_success = 0.5 then 'tie'
    end as abstain_reason,
    coalesce(t.overall_status, '') <> 'SUSPENDED' as is_final,
    coalesce(p.p_success is null and h.horizon_end > t.as_of, false) as is_censored,
    h.horizon_end,
    t.as_of
from trials t cross join definition d
left join probability p on p.nct_id = t.nct_id and p.definition = d.definition
left join n_votes n on n.nct_id = t.nct_id and n.definition = d.definition
left join horizon h on h.nct_id = t.nct_id and h.definition = d.definition
where t.is_ended
