-- What the words around a statistical analysis say. Each macro returns null where they say nothing, and reads lower case.

-- What an outcome measure is about, by its title. An area under a curve of symptoms is efficacy, one of a drug is not; a
-- value before treatment tells nothing of the treatment.
create or replace macro measure_kind(title) as
    case
        when regexp_matches(title, '\b(safety|tolerab|adverse|toxicit|side effects?|discontinuations? due to)'
            || '|(major|clinically relevant) bleeding') then 'safety'
        when regexp_matches(title, '\b(pharmacokinetic|cmax|c-max|ctrough|tmax|half-life)|\bauc ?\(?(0|inf|tau|last|t\b)'
            || '|area under the (plasma|serum|blood|concentration|drug)|concentration[- ]time|(plasma|serum|trough) concentrations? of'
            || '|\b(renal|oral|plasma|systemic|apparent) clearance') then 'pharmacokinetic'
        when regexp_matches(title, '^(baseline|pre-?operative)\b|^(age|sex|gender)$')
            and not regexp_matches(title, 'change|\bto\b|difference|baseline[- ](adjusted|corrected)') then 'baseline'
        else 'efficacy'
    end;

-- Whether the measure is a time or a survival: then a hazard ratio falls as the value rises.
create or replace macro is_time(title) as
    regexp_matches(title, 'surviv|time (to|until|from)|\bduration|interval');

-- Which way a measure's value is better: 1 more, -1 less. Both or neither kind of words: unclear. So is a share of people
-- who are below a threshold, without or free of something, or who lost half of it: there the bad word counts a good state.
create or replace macro is_good_word(title) as
    regexp_matches(title, 'surviv|-free\b|respon[sd]|remission|\bcure|success|improve|abstinen|abstain|quality of life|sf-36'
        || '|\bfunction(ing)?\b|acuity|peak (urinary |expiratory )?flow|\bfev|\bpef\b|\bcd4|tit(er|re)|antibod|immunogen'
        || '|sero(conver|protect)|\bgm[tc]s?\b|\bheal(ed|ing)|relief|resol(ved|ution)|recover|adheren|attend|endurance|\bwalk'
        || '|exercise|strength|bone mineral|ejection fraction|eradicat|suppress|undetectable|pregnancy rate|live birth'
        || '|satisf|engraft|weight gain|glycemic control|immunity|protected|vitality');
create or replace macro is_bad_word(title) as
    regexp_matches(title, '\bdeaths?\b|mortal|\bdied\b|fatal|relaps|recurr|progress|failure|infect|bleed|ha?emorrh|stroke|infarct'
        || '|emboli|thromb|hospitali|\bpain|depress|anxi|symptom|severity|disabilit|a1c|glucose|\bldl|cholesterol|triglycerid'
        || '|blood pressure|body weight|\bbmi\b|body mass|viral load|hiv rna|proteinuria|albuminuria|uacr|lesion|seizure'
        || '|incontinen|exacerbat|nausea|vomit|\bfever|length of stay|drinking|cannabis|cocaine|metham|cancer|tumou?rs?\b'
        || '|disease activity|ashworth|spastic|o?edema|drop(ped)? ?out|dysfunction|\bfalls?\b|fractur|craving|\bitch|prurit'
        || '|hallucinat|cardiovascular event|psychosis|\bmania\b|psychiatric rating|insulin resistance|attention deficit');
create or replace macro is_negated(title) as
    regexp_matches(title, '\bwithout\b|\bfree(dom)?\b|\babsence\b|\bno\b|\bnot\b|\bnon[- ]|\bnon(respon|adher|remi)|\bavoid');
create or replace macro is_below(title) as
    regexp_matches(title, '[<≤]|\b(less|fewer|lower) than\b|\bunder \d|\bbelow\b');
create or replace macro is_lessened(title) as
    regexp_matches(title, '\breduction|\breduced|\bdecrease|\bdecline|\bimprove|\bachiev|\btarget\b|\bgoal\b|\bcontrolled\b');
create or replace macro better(title) as
    case
        when regexp_matches(title, '^(percent(age)? )?(reduction|decrease|decline|fall)\b|intensity difference') then null
        when regexp_matches(title, 'time (to|until|from)[^.;]*(relief|heal|recover|respon|resol|improve|remission|discharge|flatus|onset of|walk)')
            then -1
        when regexp_matches(title, 'time (to|until|from)') and is_bad_word(title) then 1
        when regexp_matches(title, 'surviv|-free\b') then 1
        when is_negated(title) or is_below(title) then null
        when is_good_word(title) and not is_bad_word(title) then 1
        when is_bad_word(title) and not is_good_word(title) and not is_lessened(title) then -1
    end;

-- What an estimate is: of no difference when it is 1 (a ratio) or 0 (a difference, or the logarithm of a ratio).
create or replace macro null_value(estimate_type) as
    case
        when regexp_matches(estimate_type, '\b(differ|change)|reduction over|\b(log|ln)\b') then 0
        when regexp_matches(estimate_type, 'statistic|chi-?square|t value|percentage of|proportion|probability$|least square mean$') then null
        when regexp_matches(estimate_type, '\bratio|\((or|rr|hr)\)|^(or|rr|hr)$|\bfold') then 1
    end;

-- The significance level that a text states: the number after or before the words for it, as a share. 'Significance p = 0.03'
-- states a p-value.
create or replace macro stated_alpha(text) as
    list_min(list_filter([
        try_cast(regexp_extract(text, '(?:alpha|α|significance levels?|level of significance|significan(?:t|ce) (?:at|if)'
            || '|significance (?:based on|was set|is set|threshold|criterion)|type[- ]i error(?: rate)?)[^0-9.;=]{0,40}=? ?(0?\.\d+)', 1) as double),
        try_cast(regexp_extract(text, 'threshold for (?:statistical )?significance[^0-9.;]{0,20}(0?\.\d+)', 1) as double),
        try_cast(regexp_extract(text, '(0?\.\d+) ?(?:level of significance|significance level|alpha|level\b)', 1) as double),
        try_cast(regexp_extract(text, '(?:two|one|2|1)-?\s?sided (?:p[- ]values? of )?(0?\.\d+)\b', 1) as double),
        try_cast(regexp_extract(text, '\b(\d{1,2}(?:\.\d+)?) ?% (?:level of significance|significance level|level)', 1) as double) / 100
    ], a -> a between 0.0005 and 0.2));

-- A text without the numbers that are no margin: confidence levels, p-values, ages, names of assays.
create or replace macro margin_words(text) as
    text
        .regexp_replace('\b\d{2}(\.\d+)? ?(%|percent)?[- ]*((two|one|2|1)[- ]?sided )?(ci|confidence)\b', 'ci', 'g')
        .regexp_replace('\bp([- ]?values?)? ?[<>=≤≥]+ ?\d*\.?\d+', ' ', 'g')
        .regexp_replace('(hb)?a1c', 'hba', 'g')
        .regexp_replace('\b(aged?|age of) ?(≥|>=?|at least|over)? ?\d+|(≥|>=?) ?\d+ (years|months|yrs)', ' ', 'g')
        .regexp_replace('\b(power|alpha|α|level|error)[^.;,]{0,20}?\d*\.?\d+ ?%?', ' ', 'g');

create or replace macro margin_match(text) as
    coalesce(
        nullif(regexp_extract(text, '(?:margin|delta)[^0-9;.]{0,40}?(-?\d*\.?\d+ ?(?:%|percent)?)', 1), ''),
        nullif(regexp_extract(text, '(?:limit|bound|end)\b[^;]{0,180}?(?:greater|less|more|higher|lower|larger|smaller|above|below|exceeds?)'
            || '(?: than)?(?: or equal to)?[^0-9;.]{0,8}?(-?\d*\.?\d+ ?(?:%|percent)?)', 1), ''),
        nullif(regexp_extract(text, '(?:limit|bound|ci|difference)\b[^;]{0,40}?(?:>=|<=|=>|=<|≥|≤|>|<) ?(-?\d*\.?\d+ ?(?:%|percent)?)', 1), ''),
        nullif(regexp_extract(text, 'within[^0-9;.]{0,10}(-?\d*\.?\d+ ?(?:%|percent)?)', 1), '')
    );

-- The margin that a text states, with its sign as written, and whether it is written in percent.
create or replace macro stated_margin(text) as
    {
        'value': try_cast(regexp_extract(margin_match(margin_words(text)), '^(-?\d*\.?\d+)', 1) as double),
        'is_percent': coalesce(regexp_matches(margin_match(margin_words(text)), '(%|percent)$'), false)
    };

-- Whether a text calls a test one-sided.
create or replace macro is_one_sided(text) as
    coalesce(regexp_matches(text, '\b(one|1)[- ]?(sided|tailed)'), false);

-- What kind of hypothesis is tested: its registered kind, or, where that leaves two open or is absent, the words around it.
create or replace macro hypothesis(kind, text) as
    case
        when kind = 'NON_INFERIORITY' then 'non_inferiority'
        when kind = 'EQUIVALENCE' then 'equivalence'
        when kind is null or kind = 'OTHER' or kind like 'NON_INFERIORITY_OR_EQUIVALENCE%' then
            case
                when regexp_matches(text, 'non-? ?inferior') then 'non_inferiority'
                when regexp_matches(text, 'equivalen') then case when kind like 'NON%' then 'equivalence' else 'superiority' end
                when kind like 'NON%' and not regexp_matches(text, 'power|superior') then 'unclear'
                else 'superiority'
            end
        else 'superiority'
    end;
