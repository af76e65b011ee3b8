-- A study once read stays, removed or not: only a look back may leave studies out.
select s.nct_id from core_study s where s.nct_id not in (select nct_id from trials)
    and coalesce(s.first_post_date <= (select max(as_of) from trials), false)
