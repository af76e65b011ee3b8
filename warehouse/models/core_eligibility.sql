select
    *,
    age_years(minimum_age_text) as minimum_age_years,
    age_years(maximum_age_text) as maximum_age_years,
    try_cast(accepts_healthy_text as boolean) as accepts_healthy
from raw_clinicaltrials_gov__eligibility
