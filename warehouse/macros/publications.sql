-- What a paper is, by its dates, its types and the words of its title, and how it is told from other papers of a trial.

-- An issue's date is spelled out where it is a span or a season: '2010 May-Jun', '1998 Dec-1999 Jan', '2010 Spring',
-- '2001 Aug 13-27', '2000 1st Quart', '1978-79'. Its end follows from the last year, and the last month and day after it.
create or replace macro last_year(words) as
    regexp_extract(regexp_replace(words, '\b([12]\d)\d\d[-/](\d\d)\b', '\1\2'), '.*\b([12]\d{3})\b', 1);

create or replace macro last_month(words) as
    regexp_extract(lower(regexp_extract(words, '.*\b[12]\d{3}\b(.*)$', 1)),
        '.*\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|spr|sum|aut|fal|win|1st|2nd|3rd|4th|fir|sec|thi|fou)', 1);

create or replace macro day_after_month(words) as regexp_extract(words, '[A-Za-z] (?:.*\D)?([1-9]|[12]\d|3[01])$', 1);

-- Number of a month or of the last month of a season or quarter. A winter may be that at the year's end.
create or replace macro month_number(name) as
    case name
        when 'jan' then 1 when 'feb' then 2 when 'mar' then 3 when 'apr' then 4 when 'may' then 5 when 'jun' then 6
        when 'jul' then 7 when 'aug' then 8 when 'sep' then 9 when 'oct' then 10 when 'nov' then 11
        when '1st' then 3 when 'fir' then 3 when '2nd' then 6 when 'sec' then 6 when '3rd' then 9 when 'thi' then 9
        when 'spr' then 6 when 'sum' then 9 when 'win' then 15
        else 12
    end;

create or replace macro spelled_end(words) as
    coalesce(
        try_cast(last_year(words) || '-' || month_number(last_month(words)) || '-' || nullif(day_after_month(words), '') as date),
        last_day(try_cast(last_year(words) || '-01-01' as date) + to_months(month_number(last_month(words)) - 1))
    );

-- '2010 May-Jun' begins in May, '1999 Winter' in 1999.
create or replace macro first_month(words) as
    try_cast(try_strptime(regexp_extract(words, '^\D*([12]\d{3} [A-Z][a-z]{2})', 1), '%Y %b') as date);

create or replace macro spelled_start(words) as
    coalesce(first_month(words), try_cast(regexp_extract(words, '\b([12]\d{3})\b', 1) || '-01-01' as date));

create or replace macro spelled_precision(words) as
    case
        when first_month(words) is not null then 'month'
        when regexp_matches(words, '\b[12]\d{3}\b') then 'year'
    end;

-- What a title in lower case says of its paper.
create or replace macro is_notice_title(t) as
    regexp_matches(t, '^\W*(re|reply|authors?.? (reply|response)|in (response|reply)|response)( to)? ?[:.]|^\W*(erratum|errata|corrigend(um|a)'
        || '|corrections?( to)?|retract(ion|ed)( notice)?( to| of)?|withdrawn|publisher.?s note|expression of concern|commentary|editorial'
        || '|letter to the editor|comments? on|in reply to|reply to)\b|\b(erratum|corrigendum|reply|retracted article)\W*$');

create or replace macro is_review_title(t) as
    regexp_matches(t, 'meta-? ?analy|systematic(ally)? review|\b(an?|narrative|critical|literature|scoping|umbrella|evidence-based|brief|mini|expert'
        || '|cochrane|comprehensive|updated?) review\b|[:.] *(the )?review\b|^(the )?review\b|\breview\W*$|\boverview\b|state of the art'
        || '|\bguidelines? (for|on|from)\b|\b(practice|treatment|esmo|nccn|asco) (clinical )?(practice )?guidelines?\b|\bconsensus (statement|recommend)'
        || '|\bperspectives?\b|\bmolecular mechanisms\b|\bcurrent (status|concepts)\b|^\W*(why|how|what|where) .*\?')
    -- a trial that is reported together with the review it changes
    and not regexp_matches(t, '\btrial,? and (an? |updated? (of )?)?(systematic|meta)');

-- 'Per protocol', 'protocol 076' and 'a chemotherapy protocol' are none.
create or replace macro is_protocol_title(t) as
    regexp_matches(t, '\b(study|trial|review|research|clinical) protocol\b|\bprotocol (for|of) (an?|the|two)\b|[:.,] *(an? |the )?protocol\b|[–-] +(an? |the )?protocol\b'
        || '|\brationale\b.*\b(design|methods|protocol)\b|\b(design|methods|protocol|objectives?)\b.*\brationale\b|^\W*rationale (for|of)\b'
        || '|\b(study|trial|research) (design|methods|methodology)\b|\bdesign (of|for) (an?|the)\b|\b(design|methods?),? (and|&) (the )?'
        || '(methods?|design|baseline|conduct|implementation|participants?|objectives?|organi[sz]ation|recruitment|protocol)\b'
        || '|[:.] *(the |study |trial )?design\b|\bdesign\W*$|\bdesign (challenges|considerations|issues)\b|\bstatistical analysis plan\b|\bplanning committee\b');

-- Kinds of papers on a trial other than its report, as their titles tell.
create or replace macro secondary_kinds(t) as
    list_filter([
        case when regexp_matches(t, '\bbaseline (\w+ ){0,2}(characteristics|data|demographics|features|findings|profile|results)'
            || '|\b(patient|subject|participant|study population) characteristics|\brecruitment\b|\benrol?lment (of|in)\b')
            then 'baseline' end,
        case when regexp_matches(t, '\bpost[ -]?hoc\b|\bsub-?stud(y|ies)\b|\b(lessons|companion stud)|\b(secondary|ancillary|exploratory|sensitivity'
            || '|alternative|additional|further|retrospective|mediation|moderator|landmark|responder|latent \w+|pre-?specified|predefined)'
            || ' (\w+ ){0,2}(analys[ie]s|study|studies|report)\b|\b(an|data|the) analys[ie]s (from|of)\b|\banalys[ei]s of\b.*\b(trial|study)\b')
            and not regexp_matches(t, '\b(final|interim|primary|planned|main|efficacy) (\w+ )?analys[ei]s\b')
            then 'post_hoc' end,
        case when regexp_matches(t, '\bpool(ed|ing)\b|\bintegrated (safety|efficacy)\b|\b(integrated|combined|individual[ -]patient|patient[ -]level) (\w+ ){0,2}(analys[ie]s|data)'
            || '|\bacross (\w+ ){0,3}(trials|studies)\b|\b(three|four|five|six|seven|eight|nine|ten|several|(of|from|in) (the )?([3-9]|1\d)) (\w+ ){0,4}(trials|studies)\b')
            then 'pooled' end,
        case when regexp_matches(t, '\bsub-?(group|population|set)s?\b|\b(by|according to|stratified by|as a function of|influence of|regardless of'
            || '|irrespective of|across) (\w+ ){0,3}(age|sex|gender|race|ethnicity|region|baseline|status|bmi|severity|subtype|use)\b|\bin relation to\b'
            || '|\b(age|sex|gender|race|racial|ethnic)[ -](related )?(differences|disparities)\b|\bwith (and|or) without (concomitant|baseline)\b'
            || '|\b(among|in) (patients|participants|subjects|women|men|children) (\w+ )?(in|from|on) (the )?([\w.-]+[^\w:]){1,6}(trial|study)\b')
            then 'subgroup' end,
        case when regexp_matches(t, '\blong[ -]?term\b|\b(extended|longer|additional|prolonged|further|late) (follow|observation)'
            || '|\b(extension|follow-?up|rollover) (study|trial|phase|period|results|report|of)\b|\b(\d+|two|three|four|five|six|seven|eight|nine|ten)'
            || '[ -]?(year|yr)s?(.s)? (\w+ )?follow|\b([3-9]|\d\d|three|four|five|six|seven|eight|nine|ten)[ -]?(year|yr)s?(.s)? (\w+ )?(results|outcomes?'
            || '|update|data|experience|extension|efficacy|safety|survival)|\bfollow-?up\W*$|\b(durability|persistence) of\b'
            || '|\blate (effects?|toxicit|outcomes?)|\byears (after|later|on)\b')
            then 'long_term' end,
        case when regexp_matches(t, '\bcosts?\b|\bcost-|economic|\bresource (use|utili)|\bbudget impact') then 'economic' end,
        case when regexp_matches(t, '\bquality[ -]of[ -]life\b|\bqol\b|\bhr-?qo?l\b|\bpatient[ -]reported\b|\b(health|functional) status\b'
            || '|\bwork productivity\b|\btreatment satisfaction\b|\butilit(y|ies) (scores?|values?)\b') and not regexp_matches(t, 'surviv|efficacy')
            then 'quality_of_life' end,
        -- the report of a first trial in people is often one of kinetics too
        case when regexp_matches(t, 'pharmaco(kinetic|dynamic|genetic|genomic)|\bexposure[ -]response\b|\bbioavailability\b|\bdrug[ -]drug interaction')
            and not regexp_matches(t, '\bphase[ -]?(i|1)\b|\bdose[ -](finding|escalation|ranging)|tolerab|safety|efficacy')
            then 'pharmacology' end,
        case when regexp_matches(t, '\bbio-?markers?\b|\b(gene|genes|genetic|genetics|genomic|genotypes?|polymorphisms?|mutations?|mutated|methylation'
            || '|transcripts?|transcriptom\w+|micrornas?|proteomic|haplotypes?|alleles?|cytogenetic\w*|amplification|chromosom\w+|karyotyp\w+|translocations?)\b'
            || '|\b(over)?expression\b|immunohistochem|\bimmunostain|\bcorrelative\b|\btumou?r[ -]infiltrating|\bclonal\b|\bprofiles? identif')
            and not regexp_matches(t, '\bbio-?marker(-\w+)? (trial|study)\b')
            then 'biomarker' end,
        case when regexp_matches(t, 'prognos|\bpredict(s|ors?|ive|ing|ion|ed)?\b|\bassociat(ions?|ed|es) (between|of|with|among)\b|\bcorrelat(es|ed|ions? (between|of))\b'
            || '|\brelation(ship)?s? (between|of|to|among)\b|\bdeterminants?\b|\bmoderators?\b|\bmediat(ors?|ion)\b|\brisk factors?\b|\bnatural history\b'
            || '|\bcase-control\b|\bcomorbid|\bnomogram\b|\bsurroga\w+\b|\bimpact of\b.*\bon (the )?(overall )?(outcome|survival|results|treatment)|\bdiscordan|\bconcordan')
            then 'association' end,
        case when regexp_matches(t, '\b(adherence|compliance|acceptability|perceptions?|perceived|attitudes|barriers|time commitments?|decision-making)\b') then 'adherence' end,
        case when regexp_matches(t, '\b(validation|validity|validating|reliability|psychometric|factor structure|item response|measurement of|measuring'
            || '|imputation|missing data|central review|inter-?observer|quality (assurance|control)|fidelity (of|to)|treatment fidelity|alpha/beta)\b'
            || '|\b(development|construction) (and \w+ )?of (an?|the) (\w+ ){0,3}(scale|questionnaire|index|instrument|score|checklist|measure)\b')
            then 'method' end
    ], lambda kind: kind is not null);

-- Words of a report on a trial: how it was done, or what the treatment did.
create or replace macro is_report_title(t) as
    regexp_matches(t, 'randomi[sz]|\bphase[ -]?(i|v|1|2|3|4)|\b(clinical|controlled|pilot|multicent(er|re)|pragmatic|feasibility|cluster|double-blind|open-label|crossover) '
        || '(\w+ ){0,3}(trial|study)\b|\btrials?\b|placebo|\b(versus|vs|compar(ed|ison|ing|ative))\b|\b(efficacy|effectiveness|safety|tolerability|immunogenicity|feasibility)\b'
        || '|\beffects? of\b|\btreatment (of|with|for)\b|\btherapy\b|\bresults (of|from)\b|\badjuvant\b|\bprevent(s|ion|ing)\b|\bimproves?\b|\breduc(es?|tion|ing)\b');

create or replace macro is_trial_type(publication_type) as
    regexp_matches(publication_type, '^(Clinical Trial(, Phase .*)?|Randomized Controlled Trial|Controlled Clinical Trial|Pragmatic Clinical Trial'
        || '|Equivalence Trial|Adaptive Clinical Trial)$');

create or replace macro is_notice_type(publication_type) as
    publication_type in ('Retraction of Publication', 'Retraction Notice', 'Published Erratum', 'Expression of Concern', 'Comment', 'Editorial', 'Letter',
        'News', 'Newspaper Article', 'Interview', 'Biography', 'Historical Article', 'Portrait', 'Personal Narrative', 'Lecture');

-- A text in one spelling, each word between blanks of its own: singular, American, 'phase iii' as 'phase 3'.
create or replace macro one_spelling(text) as
    regexp_replace(regexp_replace(regexp_replace(
        (' ' || regexp_replace(strip_accents(lower(text)), '[^a-z0-9]+', '  ', 'g') || ' ')
            .replace(' iii ', ' 3 ').replace(' ii ', ' 2 ').replace(' iv ', ' 4 ').replace('ae', 'e').replace('oe', 'e').replace('umour', 'umor'),
        '([a-z]{3})is(e[drs]?|ing|ations?) ', '\1iz\2 ', 'g'), '([a-z]{3})ies ', '\1y ', 'g'), '([a-z]{2}[^ius0-9 ])s ', '\1 ', 'g');

-- Its words; those of one letter are none.
create or replace macro text_words(text) as
    list_distinct(list_filter(string_split(one_spelling(coalesce(text, '')), ' '), lambda word: length(word) > 1 or word between '0' and '9'));
