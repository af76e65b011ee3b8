-- No label function votes by a fitted threshold yet, so there is none to publish.
select
    null as label_function,
    null as phase,
    null as version,
    null as cut,
    null as band,
    null as n,
    null as fitted_as_of
where false
